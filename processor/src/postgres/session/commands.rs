//! What a connection answers itself: transactions, settings, cursors.

use super::super::asking::{Attention, PendingRows};
use super::super::command::PostgresCommand;
use super::super::error::PostgresError;
use super::super::reply::TransactionStatus;
use super::super::settings::is_told;
use super::{ParsedStatement, Portal, PostgresSession, SessionResult};
use arrow::array::{ArrayRef, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use std::sync::Arc;

impl PostgresSession {
    /// The columns of what the connection answers itself; `Some(None)` of what has none, `None` of a question.
    pub(super) fn columns_of(&self, command: &PostgresCommand) -> Result<Option<Option<SchemaRef>>, PostgresError> {
        let of = |names: &[&str]| {
            let field = |name: &&str| Field::new(*name, DataType::Utf8, true);
            Some(Some(Arc::new(Schema::new(names.iter().map(field).collect::<Vec<_>>()))))
        };
        Ok(match command {
            PostgresCommand::Question => None,
            PostgresCommand::ShowAll => of(&["name", "setting", "description"]),
            PostgresCommand::Show(name) if is_positions(name) => of(&["positions"]),
            PostgresCommand::Show(name) => of(&[self.settings.get(name)?.0]),
            PostgresCommand::Fetch { name, moves: false, .. } => {
                let rows = self.portals.get(name).and_then(|portal| portal.rows.as_ref());
                Some(rows.map(|rows| rows.schema().clone()))
            }
            _ => Some(None),
        })
    }

    pub(super) async fn run_command(&mut self, command: &PostgresCommand, simple: bool) -> SessionResult {
        let tag = match command {
            PostgresCommand::Empty => {
                self.link.replies.empty();
                return Ok(());
            }
            // They are asked, and not answered here.
            PostgresCommand::Question | PostgresCommand::Copy(_) => return Ok(()),
            PostgresCommand::Begin => {
                self.status = TransactionStatus::Open;
                "BEGIN"
            }
            PostgresCommand::Commit | PostgresCommand::Rollback => {
                let failed = self.status == TransactionStatus::Failed;
                self.status = TransactionStatus::Idle;
                self.portals.clear();
                if *command == PostgresCommand::Commit && !failed { "COMMIT" } else { "ROLLBACK" }
            }
            PostgresCommand::RollbackTo => {
                self.status = TransactionStatus::Open;
                "ROLLBACK"
            }
            PostgresCommand::Savepoint(tag) | PostgresCommand::Nothing(tag) => tag,
            PostgresCommand::Set { name, value } => {
                let said = self.settings.set(name, value.clone())?;
                self.changed(name, said)?;
                "SET"
            }
            PostgresCommand::Reset(name) => {
                match name {
                    Some(name) => {
                        let said = self.settings.set(name, None)?;
                        self.changed(name, said)?;
                    }
                    None => self.settings.reset(),
                }
                "RESET"
            }
            PostgresCommand::Show(name) if is_positions(name) => {
                let text = serde_json::to_string(&self.positions).unwrap_or_default();
                return self.tell(&["positions"], &[vec![text]], simple).await;
            }
            PostgresCommand::Show(name) => {
                let (name, value) = self.settings.get(name)?;
                return self.tell(&[name], &[vec![value]], simple).await;
            }
            PostgresCommand::ShowAll => {
                let all: Vec<_> = self
                    .settings
                    .all()
                    .into_iter()
                    .map(|(name, value)| vec![name.into(), value, String::new()])
                    .collect();
                return self.tell(&["name", "setting", "description"], &all, simple).await;
            }
            PostgresCommand::Discard(all) => {
                self.portals.clear();
                if *all {
                    self.statements.clear();
                    self.settings.reset();
                }
                if *all { "DISCARD ALL" } else { "DISCARD" }
            }
            PostgresCommand::Deallocate(name) => match name {
                Some(name) if self.statements.remove(name).is_none() => {
                    return Err(PostgresError::new("26000", format!("there is no statement `{name}`")).into());
                }
                Some(_) => "DEALLOCATE",
                None => {
                    self.statements.clear();
                    "DEALLOCATE ALL"
                }
            },
            PostgresCommand::Close(name) => {
                match name {
                    Some(name) if self.portals.remove(name).is_none() => {
                        return Err(PostgresError::new("34000", format!("there is no cursor `{name}`")).into());
                    }
                    Some(_) => {}
                    None => self.portals.clear(),
                }
                "CLOSE CURSOR"
            }
            PostgresCommand::Declare { name, query } => {
                if self.portals.contains_key(name) {
                    return Err(PostgresError::new("42P03", format!("there is a cursor `{name}` already")).into());
                }
                self.has_room(self.portals.len())?;
                let portal = Portal::of(ParsedStatement::of(query, vec![]), vec![], vec![]);
                self.portals.insert(name.clone(), portal);
                if let Err(trouble) = self.begin(name).await {
                    self.portals.remove(name);
                    return Err(trouble);
                }
                "DECLARE CURSOR"
            }
            PostgresCommand::Fetch { name, rows, moves } => {
                self.check_given_up(name)?;
                let portal = self.portal(name)?;
                let sql = portal.statement.sql.clone();
                if simple && !moves {
                    match portal.rows.as_ref().map(|rows| rows.schema().clone()) {
                        Some(columns) => self.link.replies.columns(&columns, &[]),
                        None => self.link.replies.columns(&Schema::empty(), &[]),
                    }
                }
                return self.rows_of(name, *rows, &sql, (!moves).then_some("FETCH")).await;
            }
            PostgresCommand::Refused(state, why) => return Err(PostgresError::new(state, why.clone()).into()),
        };
        self.link.replies.done(tag);
        Ok(())
    }

    /// Tells the client of a setting that it set.
    fn changed(&mut self, name: &str, said: Option<PostgresError>) -> Result<(), PostgresError> {
        if let Some(said) = said {
            self.link.replies.notice(&said);
        }
        if is_told(name) {
            let (name, value) = self.settings.get(name)?;
            self.link.replies.setting(name, &value);
        }
        Ok(())
    }

    /// Tells rows of texts that are at hand.
    async fn tell(&mut self, names: &[&str], rows: &[Vec<String>], simple: bool) -> SessionResult {
        let column = |place: usize| -> ArrayRef {
            Arc::new(rows.iter().map(|row| row.get(place).map(String::as_str)).collect::<StringArray>())
        };
        let columns = names.iter().enumerate().map(|(place, name)| (*name, column(place), true));
        let batch = RecordBatch::try_from_iter_with_nullable(columns);
        let batch = batch.map_err(|error| PostgresError::new("XX000", error.to_string()))?;
        if simple {
            self.link.replies.columns(&batch.schema(), &[]);
        }
        let app = self.app.clone();
        let mut rows = PendingRows::of(batch);
        let mut attention = Attention::new(&mut self.link, &mut self.key.ended, self.settings.timeout());
        attention.tell(&app, &mut rows, &[], None, "", true).await?;
        self.link.replies.done("SHOW");
        Ok(())
    }
}

fn is_positions(name: &str) -> bool {
    name.eq_ignore_ascii_case("positions")
}
