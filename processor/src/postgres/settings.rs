//! The settings of a connection.

use super::error::PostgresError;
use crate::sql::settings::SETTINGS;
use std::collections::BTreeMap;
use std::time::Duration;

/// Those that clients are told of whenever they change.
const TOLD: [&str; 13] = [
    "application_name",
    "client_encoding",
    "DateStyle",
    "default_transaction_read_only",
    "in_hot_standby",
    "integer_datetimes",
    "IntervalStyle",
    "is_superuser",
    "server_encoding",
    "server_version",
    "session_authorization",
    "standard_conforming_strings",
    "TimeZone",
];

/// Those that have one value here, whatever is wished.
const FIXED: [&str; 8] = [
    "client_encoding",
    "DateStyle",
    "IntervalStyle",
    "TimeZone",
    "standard_conforming_strings",
    "bytea_output",
    "transaction_read_only",
    "default_transaction_read_only",
];

/// Settings by their names.
#[derive(Debug, Default)]
pub(super) struct SessionSettings(BTreeMap<&'static str, String>);

fn own(name: &str) -> Result<(&'static str, &'static str), PostgresError> {
    let known = SETTINGS.iter().find(|(own, _)| own.eq_ignore_ascii_case(name));
    known.copied().ok_or_else(|| PostgresError::new("42704", format!("there is no setting `{name}`")))
}

impl SessionSettings {
    /// A setting's name in its own letters, and its value.
    pub(super) fn get(&self, name: &str) -> Result<(&'static str, String), PostgresError> {
        let (name, preset) = own(name)?;
        Ok((name, self.0.get(name).cloned().unwrap_or_else(|| preset.to_owned())))
    }

    /// Sets it, or sets it back. Says what was not done as wished.
    pub(super) fn set(&mut self, name: &str, value: Option<String>) -> Result<Option<PostgresError>, PostgresError> {
        let (name, preset) = own(name)?;
        let Some(value) = value else {
            self.0.remove(name);
            return Ok(None);
        };
        // Some clients send it in the quotes that it has in a statement.
        let value = value.trim_matches('\'').to_owned();
        if name == "client_encoding"
            && !["utf8", "utf-8", "unicode", "sql_ascii"].contains(&value.to_lowercase().as_str())
        {
            return Err(PostgresError::new("22023", format!("texts are UTF-8 here, and not {value}")));
        }
        if FIXED.contains(&name) {
            let same = value.eq_ignore_ascii_case(preset) || preset.starts_with(&value.to_uppercase());
            let said = format!("`{name}` stays {preset}");
            return Ok((!same && name != "client_encoding").then(|| PostgresError::notice("01000", said)));
        }
        if name == "statement_timeout" && duration(&value).is_none() {
            return Err(PostgresError::new(
                "22023",
                format!("`{value}` is no length of time: 5000 (milliseconds), 5s, 1min"),
            ));
        }
        if name.starts_with("timeline.") && switch(&value).is_none() {
            return Err(PostgresError::new("22023", format!("`{name}` is on or off, not `{value}`")));
        }
        self.0.insert(name, value);
        Ok(None)
    }

    /// Sets all back.
    pub(super) fn reset(&mut self) {
        let name = self.0.remove("application_name");
        self.0.clear();
        self.0.extend(name.map(|name| ("application_name", name)));
    }

    /// All of them.
    pub(super) fn all(&self) -> Vec<(&'static str, String)> {
        SETTINGS.iter().filter_map(|(name, _)| self.get(name).ok()).collect()
    }

    /// Those that clients are told of.
    pub(super) fn told(&self) -> Vec<(&'static str, String)> {
        TOLD.iter().filter_map(|name| self.get(name).ok()).collect()
    }

    /// Whether a switch of ours is on.
    pub(super) fn is_on(&self, name: &str) -> bool {
        self.get(name).ok().and_then(|(_, value)| switch(&value)).unwrap_or(false)
    }

    /// How long a statement may take; none is as long as any.
    pub(super) fn timeout(&self) -> Option<Duration> {
        let (_, value) = self.get("statement_timeout").ok()?;
        duration(&value).filter(|timeout| !timeout.is_zero())
    }
}

/// Whether clients are told when it changes.
pub(super) fn is_told(name: &str) -> bool {
    TOLD.iter().any(|own| own.eq_ignore_ascii_case(name))
}

fn switch(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "on" | "true" | "yes" | "1" => Some(true),
        "off" | "false" | "no" | "0" => Some(false),
        _ => None,
    }
}

/// `5000` is milliseconds, `5s`, `1min`.
fn duration(text: &str) -> Option<Duration> {
    let digits = text.trim().find(|c: char| !c.is_ascii_digit()).unwrap_or(text.trim().len());
    let (number, unit) = text.trim().split_at(digits);
    let ms: u64 = match unit.trim() {
        "" | "ms" => 1,
        "s" => 1000,
        "min" => 60_000,
        "h" => 3_600_000,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(ms).map(Duration::from_millis)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_kept_or_said_to_stay() {
        let mut settings = SessionSettings::default();
        assert_eq!(settings.timeout(), Some(Duration::from_secs(60)));
        assert_eq!(settings.set("STATEMENT_TIMEOUT", Some("5s".into())), Ok(None));
        assert_eq!(settings.timeout(), Some(Duration::from_secs(5)));
        assert_eq!(settings.set("statement_timeout", Some("0".into())), Ok(None));
        assert_eq!(settings.timeout(), None);
        assert_eq!(settings.set("statement_timeout", Some("soon".into())).unwrap_err().state, "22023");
        assert_eq!(settings.set("timezone", Some("utc".into())), Ok(None));
        assert!(settings.set("timezone", Some("Europe/Berlin".into())).unwrap().is_some());
        assert_eq!(settings.get("timezone").unwrap(), ("TimeZone", "UTC".into()));
        assert_eq!(settings.set("client_encoding", Some("LATIN1".into())).unwrap_err().state, "22023");
        assert_eq!(settings.set("no_such", Some("1".into())).unwrap_err().state, "42704");
        assert_eq!(settings.set("timeline.sync", Some("ON".into())), Ok(None));
        assert!(settings.is_on("timeline.sync"));
        settings.reset();
        assert!(!settings.is_on("timeline.sync") && settings.timeout().is_some());
    }
}
