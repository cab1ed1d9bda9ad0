//! `COPY ... TO STDOUT` at work.

use super::super::asking::Attention;
use super::super::copy::CopyOut;
use super::super::error::PostgresError;
use super::{PostgresSession, SessionResult};
use crate::sql::StatementParameter;

impl PostgresSession {
    /// Tells the rows of the question that a statement copies.
    pub(super) async fn copy(
        &mut self,
        copy: &CopyOut,
        sql: &str,
        parameters: Vec<StatementParameter>,
    ) -> SessionResult {
        let asking = self.asking(&copy.query, parameters);
        let app = self.app.clone();
        let mut attention = Attention::new(&mut self.link, &mut self.key.ended, self.settings.timeout());
        let mut rows = attention.ask(&app, asking, sql).await?;
        let basis = rows.basis().clone();
        self.rests_on(basis);
        let schema = rows.schema().clone();
        let names: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
        let forced = copy.layout.forced(&names);
        let forced =
            forced.map_err(|name| PostgresError::new("42703", format!("there is no column `{name}` to be quoted")))?;
        self.link.replies.copies(names.len(), copy.layout.is_binary());
        // Readers of the binary form look for what it begins with in the message of the first row.
        let mut head = vec![];
        copy.layout.head(&names, &mut head);
        if !copy.layout.is_binary() {
            let head = std::mem::take(&mut head);
            self.link.replies.copied(|out| out.extend_from_slice(&head));
        }
        let mut attention = Attention::new(&mut self.link, &mut self.key.ended, self.settings.timeout());
        let told = attention.copy(&mut rows, &mut head, (&copy.layout, &forced[..]), sql).await?;
        self.link.replies.copied(|out| {
            out.append(&mut head);
            copy.layout.foot(out);
        });
        self.link.replies.copying_is_over();
        self.link.replies.done(&format!("COPY {told}"));
        Ok(())
    }
}
