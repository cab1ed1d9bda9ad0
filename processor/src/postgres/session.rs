//! A connection at work: its statements, its portals, and where its transaction stands. What it answers itself, without
//! asking anybody, is in [`commands`].
//!
//! Nothing is kept between two statements but these: a transaction is no more than what tools want one to be, and each
//! statement has a snapshot of its own.

mod commands;
mod copying;

use super::PostgresApp;
use super::asking::{Attention, BrokenAnswer, PendingRows};
use super::cancel::CancelKey;
use super::command::{PostgresCommand, command, statements};
use super::error::PostgresError;
use super::link::{ConnectionEnd, PostgresLink};
use super::message::{Bind, ClientMessage, MessageKind};
use super::parameter::parameter;
use super::reply::{TransactionStatus, format};
use super::settings::SessionSettings;
use crate::connection::ConnectionPhase;
use crate::engine::{AnswerBasis, PositionOf};
use crate::sql::{SqlQuestion, StatementDescription, StatementParameter, types};
use crate::tokens::Who;
use arrow::datatypes::{Schema, SchemaRef};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Statements and portals of one connection.
const HELD_MAX: usize = 1000;

/// A statement that was parsed.
#[derive(Clone)]
struct ParsedStatement {
    sql: Arc<str>,
    command: Arc<PostgresCommand>,
    /// The types of its parameters, as far as the client knows them.
    declared: Vec<u32>,
    described: Option<Arc<StatementDescription>>,
}

/// A statement with its values.
struct Portal {
    statement: ParsedStatement,
    parameters: Vec<StatementParameter>,
    formats: Vec<u16>,
    rows: Option<PendingRows>,
    /// Whether its question has begun.
    has_begun: bool,
    /// Whether rows of it were given up, for nobody fetched them.
    given_up: bool,
}

/// What a message came to: an error of the statement is told, and the connection goes on.
enum Trouble {
    Failure(Box<PostgresError>),
    End(ConnectionEnd),
}

impl From<PostgresError> for Trouble {
    fn from(failure: PostgresError) -> Trouble {
        Trouble::Failure(Box::new(failure))
    }
}

impl From<ConnectionEnd> for Trouble {
    fn from(end: ConnectionEnd) -> Trouble {
        Trouble::End(end)
    }
}

type SessionResult<T = ()> = Result<T, Trouble>;

pub(super) struct PostgresSession {
    app: PostgresApp,
    link: PostgresLink,
    key: CancelKey,
    settings: SessionSettings,
    /// Whose token was shown, where there are any.
    who: Option<Who>,
    status: TransactionStatus,
    statements: BTreeMap<String, ParsedStatement>,
    portals: BTreeMap<String, Portal>,
    /// What the last answer was true for.
    positions: Vec<PositionOf>,
}

impl PostgresSession {
    pub(super) fn new(
        app: PostgresApp,
        link: PostgresLink,
        key: CancelKey,
        settings: SessionSettings,
        who: Option<Who>,
    ) -> PostgresSession {
        PostgresSession {
            app,
            link,
            key,
            settings,
            who,
            status: TransactionStatus::default(),
            statements: BTreeMap::new(),
            portals: BTreeMap::new(),
            positions: vec![],
        }
    }

    /// Answers until the client ends it, or the server does.
    pub(super) async fn run(mut self) {
        let app = self.app.clone();
        let failure = loop {
            self.link.place().begin(ConnectionPhase::Idle);
            let held = self.portals.values().any(|portal| portal.rows.is_some());
            let message = tokio::select! {
                message = self.link.message() => message,
                () = app.closing.asked() => break PostgresError::fatal("57P01", "the processor ends"),
                () = tokio::time::sleep(app.options.cursor_time_max), if held => {
                    // Rows that nobody fetches hold a process and a turn.
                    for portal in self.portals.values_mut().filter(|portal| portal.rows.is_some()) {
                        (portal.rows, portal.given_up) = (None, true);
                    }
                    continue;
                }
            };
            self.link.place().begin(ConnectionPhase::Answer);
            let done = match message {
                Ok(ClientMessage::Terminate) => return,
                Ok(_) if !self.is_known() => break PostgresError::fatal("28000", "the token is not known any more"),
                Ok(message) => self.answer(message).await,
                Err(end) => Err(end),
            };
            let sent = match done {
                Ok(()) => self.link.send().await,
                Err(end) => Err(end),
            };
            match sent {
                Ok(()) => {}
                Err(ConnectionEnd::Gone) => return,
                Err(ConnectionEnd::Malformed(why)) => break PostgresError::fatal("08P01", why.0),
            }
        };
        self.link.replies.error(&failure);
        self.link.close().await;
    }

    /// Whether what was shown at the beginning would be taken now.
    fn is_known(&self) -> bool {
        let who = self.app.options.shared.tokens.as_ref().zip(self.who.as_ref());
        who.is_none_or(|(tokens, who)| tokens.knows(who))
    }

    /// Answers a message, and those that belong to it: all until `Sync` where it is one of the extended protocol.
    async fn answer(&mut self, message: ClientMessage) -> Result<(), ConnectionEnd> {
        let (mut message, mut failed) = (message, false);
        loop {
            let is_last = matches!(message, ClientMessage::Sync | ClientMessage::Query(_));
            if !failed || is_last {
                match self.one(message).await {
                    Ok(()) => {}
                    Err(Trouble::End(end)) => return Err(end),
                    Err(Trouble::Failure(failure)) => {
                        self.fail(&failure);
                        failed = true;
                    }
                }
            }
            if is_last {
                if self.status == TransactionStatus::Idle {
                    // Cursors end with their transaction; without one they end with their rows.
                    self.portals.retain(|name, portal| !name.is_empty() && portal.rows.is_some());
                }
                self.link.replies.ready(self.status);
                return Ok(());
            }
            self.link.send_much().await?;
            // The rest of the batch is on its way.
            self.link.place().begin(ConnectionPhase::Body);
            message = self.link.message().await?;
            self.link.place().begin(ConnectionPhase::Answer);
            if message == ClientMessage::Terminate {
                return Err(ConnectionEnd::Gone);
            }
        }
    }

    fn fail(&mut self, failure: &PostgresError) {
        self.link.replies.error(failure);
        if self.status == TransactionStatus::Open {
            self.status = TransactionStatus::Failed;
        }
    }

    async fn one(&mut self, message: ClientMessage) -> SessionResult {
        match message {
            ClientMessage::Query(text) => self.query(&text).await,
            ClientMessage::Parse { name, sql, types } => self.parse(name, &sql, types),
            ClientMessage::Bind(bind) => self.bind(bind).await,
            ClientMessage::Describe(MessageKind::Statement, name) => self.describe_statement(&name).await,
            ClientMessage::Describe(MessageKind::Portal, name) => self.describe_portal(&name).await,
            ClientMessage::Execute { portal, rows } => {
                let rows = if rows == 0 { None } else { Some(rows) };
                self.execute(&portal, rows, None).await
            }
            ClientMessage::Close(kind, name) => {
                match kind {
                    MessageKind::Statement => _ = self.statements.remove(&name),
                    MessageKind::Portal => _ = self.portals.remove(&name),
                }
                self.link.replies.closed();
                Ok(())
            }
            ClientMessage::Flush => Ok(self.link.send().await?),
            ClientMessage::Sync => Ok(()),
            // What was on its way when a COPY was refused.
            ClientMessage::Copy => Ok(()),
            ClientMessage::Password(_) => Err(PostgresError::new("08P01", "nobody asked for a password").into()),
            ClientMessage::Terminate => Err(ConnectionEnd::Gone.into()),
        }
    }

    /// The simple protocol: statements one after the other, each answered whole, until one fails.
    async fn query(&mut self, text: &str) -> SessionResult {
        let all = statements(text);
        if all.is_empty() {
            self.link.replies.empty();
            return Ok(());
        }
        for sql in all {
            let statement = ParsedStatement::of(sql, vec![]);
            let portal = Portal::of(statement, vec![], vec![]);
            self.portals.insert(String::new(), portal);
            self.execute("", None, Some(())).await?;
        }
        Ok(())
    }

    fn parse(&mut self, name: String, sql: &str, types: Vec<u32>) -> SessionResult {
        self.check_status(&command(sql))?;
        let all = statements(sql);
        if all.len() > 1 {
            return Err(
                PostgresError::new("42601", "one statement at a time can be prepared: this is more than one").into()
            );
        }
        if !name.is_empty() && self.statements.contains_key(&name) {
            return Err(PostgresError::new("42P05", format!("there is a statement `{name}` already")).into());
        }
        self.has_room(self.statements.len())?;
        self.statements.insert(name, ParsedStatement::of(sql, types));
        self.link.replies.parsed();
        Ok(())
    }

    fn has_room(&self, held: usize) -> Result<(), PostgresError> {
        match held < HELD_MAX {
            true => Ok(()),
            false => Err(PostgresError::new("54000", format!("a connection has {HELD_MAX} statements at the most"))),
        }
    }

    fn statement(&self, name: &str) -> Result<ParsedStatement, PostgresError> {
        let statement = self.statements.get(name).cloned();
        statement.ok_or_else(|| PostgresError::new("26000", format!("there is no statement `{name}`")))
    }

    async fn bind(&mut self, bind: Bind) -> SessionResult {
        let mut statement = self.statement(&bind.statement)?;
        self.check_status(&statement.command)?;
        let is_binary = |place| format(&bind.formats, place) == 1;
        let is_known = |place: usize| statement.declared.get(place).is_some_and(|oid| *oid != 0);
        let unknown = (0..bind.values.len()).any(|place| is_binary(place) && !is_known(place));
        if unknown && statement.described.is_none() {
            self.description(&bind.statement).await?;
            statement = self.statement(&bind.statement)?;
        }
        let oids = statement.parameters();
        let values = bind.values.iter().enumerate();
        let parameters = values.map(|(place, value)| {
            // What the client does not know has its type from where it stands, as long as it is a text.
            let known = if is_binary(place) { &oids } else { &statement.declared };
            parameter(known.get(place).copied().unwrap_or(0), is_binary(place), value.as_deref())
        });
        let parameters = parameters.collect::<Result<Vec<_>, _>>()?;
        if !bind.portal.is_empty() && self.portals.contains_key(&bind.portal) {
            return Err(PostgresError::new("42P03", format!("there is a cursor `{}` already", bind.portal)).into());
        }
        self.has_room(self.portals.len())?;
        self.portals.insert(bind.portal, Portal::of(statement, parameters, bind.results));
        self.link.replies.bound();
        Ok(())
    }

    /// What a statement takes and gives, which is asked once.
    async fn description(&mut self, name: &str) -> SessionResult<Option<Arc<StatementDescription>>> {
        let statement = self.statement(name)?;
        if let Some(columns) = self.columns_of(&statement.command)? {
            return Ok(
                columns.map(|columns| Arc::new(StatementDescription { parameters: vec![], columns, notes: vec![] }))
            );
        }
        if let Some(described) = statement.described {
            return Ok(Some(described));
        }
        let known = statement
            .declared
            .iter()
            .map(|oid| types::by_oid(*oid).filter(|ty| ty.name != "unknown").map(|ty| ty.sql.to_owned()));
        let asking = self.asking(&statement.sql, vec![]);
        let (app, known) = (self.app.clone(), known.collect());
        let mut attention = Attention::new(&mut self.link, &mut self.key.ended, self.settings.timeout());
        let described = attention.describe(&app, asking, known, &statement.sql).await?;
        let described = Arc::new(described);
        if let Some(own) = self.statements.get_mut(name) {
            own.described = Some(described.clone());
        }
        Ok(Some(described))
    }

    fn asking(&self, sql: &str, parameters: Vec<StatementParameter>) -> SqlQuestion {
        let limit = self.settings.timeout().unwrap_or(self.app.options.answer_time_max);
        let sync = self.settings.is_on("timeline.sync").then_some(limit);
        SqlQuestion { sql: sql.to_owned(), engine: self.app.engine.clone(), sync, parameters, held: None }
    }

    async fn describe_statement(&mut self, name: &str) -> SessionResult {
        let described = self.description(name).await?;
        let statement = self.statement(name)?;
        self.link.replies.parameters(&statement.parameters());
        match described {
            Some(described) => self.link.replies.columns(&described.columns, &[]),
            None => self.link.replies.no_columns(),
        }
        Ok(())
    }

    /// The columns of a portal. Its question begins with that: its values are known, and rows follow.
    async fn describe_portal(&mut self, name: &str) -> SessionResult {
        let command = self.portal(name)?.statement.command.clone();
        let columns = match self.columns_of(&command)? {
            Some(columns) => columns,
            None => Some(self.begin(name).await?),
        };
        let formats = self.portal(name)?.formats.clone();
        match columns {
            Some(columns) => self.link.replies.columns(&columns, &formats),
            None => self.link.replies.no_columns(),
        }
        Ok(())
    }

    fn portal(&mut self, name: &str) -> Result<&mut Portal, PostgresError> {
        let portal = self.portals.get_mut(name);
        portal.ok_or_else(|| PostgresError::new("34000", format!("there is no cursor `{name}`")))
    }

    /// Begins the question of a portal; its columns.
    async fn begin(&mut self, name: &str) -> SessionResult<SchemaRef> {
        let portal = self.portal(name)?;
        if let Some(rows) = &portal.rows {
            return Ok(rows.schema().clone());
        }
        if portal.has_begun {
            return Err(PostgresError::new("55000", format!("the rows of cursor `{name}` have ended")).into());
        }
        let (sql, parameters) = (portal.statement.sql.clone(), portal.parameters.clone());
        let described = portal.statement.described.clone();
        let asking = self.asking(&sql, parameters);
        let app = self.app.clone();
        let mut attention = Attention::new(&mut self.link, &mut self.key.ended, self.settings.timeout());
        let rows = attention.ask(&app, asking, &sql).await?;
        let types = |schema: &Schema| -> Vec<u32> {
            schema.fields().iter().map(|field| types::oid(field.data_type())).collect()
        };
        if described.is_some_and(|described| types(&described.columns) != types(rows.schema())) {
            let failure = PostgresError::new(
                "0A000",
                "the columns are others than those that the statement had when it was prepared",
            );
            return Err(failure.with_help("prepare it anew: what is deployed has changed").into());
        }
        let (basis, columns) = (rows.basis().clone(), rows.schema().clone());
        let portal = self.portal(name)?;
        (portal.rows, portal.has_begun) = (Some(rows), true);
        self.rests_on(basis);
        Ok(columns)
    }

    /// Notes what an answer rests on, and tells what is to be known of it.
    fn rests_on(&mut self, basis: AnswerBasis) {
        let AnswerBasis { positions, notes } = basis;
        self.positions = positions;
        for note in notes {
            self.link.replies.notice(&PostgresError::notice("01000", note.message).with_help(note.help));
        }
        if self.settings.is_on("timeline.positions") {
            let text = serde_json::to_string(&self.positions).unwrap_or_default();
            self.link.replies.notice(&PostgresError::notice("00000", format!("true for {text}")));
        }
    }

    /// Runs a portal, or goes on with it: so many rows at the most. `simple` if its columns are to be told first.
    async fn execute(&mut self, name: &str, rows_max: Option<u32>, simple: Option<()>) -> SessionResult {
        let portal = self.portal(name)?;
        let (command, sql) = (portal.statement.command.clone(), portal.statement.sql.clone());
        self.check_status(&command)?;
        if let PostgresCommand::Copy(copy) = &*command {
            let parameters = self.portal(name)?.parameters.clone();
            return self.copy(copy, &sql, parameters).await;
        }
        if *command != PostgresCommand::Question {
            return self.run_command(&command, simple.is_some()).await;
        }
        if self.portal(name)?.has_begun {
            // Its columns are told, and what is left of its rows.
            return self.rows_of(name, rows_max, &sql, Some("SELECT")).await;
        }
        let columns = self.begin(name).await?;
        if simple.is_some() {
            self.link.replies.columns(&columns, &[]);
        }
        self.rows_of(name, rows_max, &sql, Some("SELECT")).await
    }

    /// Tells rows of a portal that has begun, and how many there were under `tag`; without one they are gone over.
    async fn rows_of(&mut self, name: &str, rows_max: Option<u32>, sql: &str, tag: Option<&str>) -> SessionResult {
        self.check_given_up(name)?;
        let app = self.app.clone();
        let portal = self.portal(name)?;
        let formats = portal.formats.clone();
        let Some(mut rows) = portal.rows.take() else {
            self.link.replies.done(&format!("{} 0", tag.unwrap_or("MOVE")));
            return Ok(());
        };
        let mut attention = Attention::new(&mut self.link, &mut self.key.ended, self.settings.timeout());
        let told = attention.tell(&app, &mut rows, &formats, rows_max, sql, tag.is_some()).await?;
        if rows.has_more() {
            self.portal(name)?.rows = Some(rows);
            if tag == Some("SELECT") {
                self.link.replies.suspended();
                return Ok(());
            }
        }
        self.link.replies.done(&format!("{} {told}", tag.unwrap_or("MOVE")));
        Ok(())
    }

    /// Refuses a cursor whose rows were given up: what came of it would look like all there is.
    fn check_given_up(&mut self, name: &str) -> Result<(), PostgresError> {
        let most = self.app.options.cursor_time_max.as_secs_f64();
        match self.portal(name)?.given_up {
            false => Ok(()),
            true => Err(PostgresError::new("57014", format!("the rows of cursor `{name}` were given up"))
                .with_help(format!("fetch at least once in {most} s"))),
        }
    }

    /// Refuses what is no end of a transaction that failed.
    fn check_status(&self, command: &PostgresCommand) -> Result<(), PostgresError> {
        let ends = matches!(
            command,
            PostgresCommand::Commit | PostgresCommand::Rollback | PostgresCommand::RollbackTo | PostgresCommand::Empty
        );
        if self.status == TransactionStatus::Failed && !ends {
            return Err(PostgresError::new("25P02", "the transaction has failed: end it with ROLLBACK first"));
        }
        Ok(())
    }
}

impl ParsedStatement {
    fn of(sql: &str, declared: Vec<u32>) -> ParsedStatement {
        // What stands behind the end of a statement is nothing.
        let text = statements(sql).first().copied().unwrap_or_default();
        ParsedStatement { sql: text.into(), command: Arc::new(command(text)), declared, described: None }
    }

    /// The types of all parameters, as far as they are known.
    fn parameters(&self) -> Vec<u32> {
        let described = self.described.iter().flat_map(|described| &described.parameters);
        let described: Vec<u32> = described.map(types::oid).collect();
        let count = described.len().max(self.declared.len());
        let known = |place: usize| self.declared.get(place).copied().filter(|oid| *oid != 0);
        (0..count).map(|place| known(place).or(described.get(place).copied()).unwrap_or(0)).collect()
    }
}

impl Portal {
    fn of(statement: ParsedStatement, parameters: Vec<StatementParameter>, formats: Vec<u16>) -> Portal {
        Portal { statement, parameters, formats, rows: None, has_begun: false, given_up: false }
    }
}

impl From<BrokenAnswer> for Trouble {
    fn from(broken: BrokenAnswer) -> Trouble {
        match broken {
            BrokenAnswer::Failure(failure) => Trouble::Failure(failure),
            BrokenAnswer::End(end) => Trouble::End(end),
        }
    }
}
