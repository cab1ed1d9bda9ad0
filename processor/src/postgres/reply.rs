//! What a client is told: messages written to bytes.

use super::error::PostgresError;
use crate::sql::types;
use arrow::datatypes::Schema;

/// Where a connection stands between two statements.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum TransactionStatus {
    /// In no transaction.
    #[default]
    Idle,
    /// In one.
    Open,
    /// In one that failed.
    Failed,
}

/// Messages that wait to be sent.
#[derive(Debug, Default)]
pub(super) struct Replies {
    pub(super) bytes: Vec<u8>,
}

impl Replies {
    /// A message of a kind, whose body is written by `body`.
    fn message(&mut self, kind: u8, body: impl FnOnce(&mut Vec<u8>)) {
        self.bytes.push(kind);
        let start = self.bytes.len();
        self.bytes.extend_from_slice(&[0; 4]);
        body(&mut self.bytes);
        let length = (self.bytes.len() - start) as u32;
        self.bytes[start..start + 4].copy_from_slice(&length.to_be_bytes());
    }

    pub(super) fn wants_password(&mut self) {
        self.message(b'R', |out| out.extend_from_slice(&3_u32.to_be_bytes()));
    }

    pub(super) fn is_known(&mut self) {
        self.message(b'R', |out| out.extend_from_slice(&0_u32.to_be_bytes()));
    }

    /// That only the first minor version is spoken, and which options are not known.
    pub(super) fn negotiates(&mut self, unknown: &[&str]) {
        self.message(b'v', |out| {
            out.extend_from_slice(&(3_u32 << 16).to_be_bytes());
            out.extend_from_slice(&(unknown.len() as u32).to_be_bytes());
            unknown.iter().for_each(|name| text(out, name));
        });
    }

    pub(super) fn setting(&mut self, name: &str, value: &str) {
        self.message(b'S', |out| {
            text(out, name);
            text(out, value);
        });
    }

    /// What to cancel its questions by.
    pub(super) fn key(&mut self, process: i32, secret: [u8; 4]) {
        self.message(b'K', |out| {
            out.extend_from_slice(&process.to_be_bytes());
            out.extend_from_slice(&secret);
        });
    }

    pub(super) fn ready(&mut self, status: TransactionStatus) {
        let status = match status {
            TransactionStatus::Idle => b'I',
            TransactionStatus::Open => b'T',
            TransactionStatus::Failed => b'E',
        };
        self.message(b'Z', |out| out.push(status));
    }

    /// The columns that come; `formats` as they are asked for.
    pub(super) fn columns(&mut self, schema: &Schema, formats: &[u16]) {
        self.message(b'T', |out| {
            out.extend_from_slice(&(schema.fields().len() as u16).to_be_bytes());
            for (place, field) in schema.fields().iter().enumerate() {
                text(out, field.name());
                // No column of a table that could be looked up.
                out.extend_from_slice(&[0; 6]);
                out.extend_from_slice(&types::oid(field.data_type()).to_be_bytes());
                let (of, is_array) = types::of(field.data_type());
                let bytes = if is_array { -1 } else { of.bytes };
                out.extend_from_slice(&bytes.to_be_bytes());
                out.extend_from_slice(&types::modifier(field.data_type()).to_be_bytes());
                out.extend_from_slice(&format(formats, place).to_be_bytes());
            }
        });
    }

    pub(super) fn parameters(&mut self, types: &[u32]) {
        self.message(b't', |out| {
            out.extend_from_slice(&(types.len() as u16).to_be_bytes());
            types.iter().for_each(|oid| out.extend_from_slice(&oid.to_be_bytes()));
        });
    }

    /// A row, whose values are written by `values`.
    pub(super) fn row(&mut self, columns: usize, values: impl FnOnce(&mut Vec<u8>)) {
        self.message(b'D', |out| {
            out.extend_from_slice(&(columns as u16).to_be_bytes());
            values(out);
        });
    }

    /// That rows of so many columns are copied from here on.
    pub(super) fn copies(&mut self, columns: usize, is_binary: bool) {
        let format = u16::from(is_binary);
        self.message(b'H', |out| {
            out.push(u8::from(is_binary));
            out.extend_from_slice(&(columns as u16).to_be_bytes());
            (0..columns).for_each(|_| out.extend_from_slice(&format.to_be_bytes()));
        });
    }

    /// A piece of what is copied, unless it is empty.
    pub(super) fn copied(&mut self, piece: impl FnOnce(&mut Vec<u8>)) {
        let start = self.bytes.len();
        self.message(b'd', piece);
        if self.bytes.len() == start + 5 {
            self.bytes.truncate(start);
        }
    }

    pub(super) fn copying_is_over(&mut self) {
        self.message(b'c', |_| ());
    }

    /// That a statement is done, by its tag.
    pub(super) fn done(&mut self, tag: &str) {
        self.message(b'C', |out| text(out, tag));
    }

    pub(super) fn no_columns(&mut self) {
        self.message(b'n', |_| ());
    }

    pub(super) fn empty(&mut self) {
        self.message(b'I', |_| ());
    }

    pub(super) fn parsed(&mut self) {
        self.message(b'1', |_| ());
    }

    pub(super) fn bound(&mut self) {
        self.message(b'2', |_| ());
    }

    pub(super) fn closed(&mut self) {
        self.message(b'3', |_| ());
    }

    pub(super) fn suspended(&mut self) {
        self.message(b's', |_| ());
    }

    pub(super) fn error(&mut self, failure: &PostgresError) {
        self.said(b'E', failure);
    }

    pub(super) fn notice(&mut self, failure: &PostgresError) {
        self.said(b'N', failure);
    }

    fn said(&mut self, kind: u8, failure: &PostgresError) {
        self.message(kind, |out| {
            let mut field = |name: u8, value: &str| {
                out.push(name);
                text(out, value);
            };
            field(b'S', failure.severity);
            field(b'V', failure.severity);
            field(b'C', failure.state);
            field(b'M', &failure.message);
            if let Some(detail) = &failure.detail {
                field(b'D', detail);
            }
            if let Some(help) = &failure.help {
                field(b'H', help);
            }
            if let Some(position) = failure.position {
                field(b'P', &position.to_string());
            }
            out.push(0);
        });
    }
}

/// The format of a column or a value: one for all, or one each; text where nothing is said.
pub(super) fn format(formats: &[u16], place: usize) -> u16 {
    match formats {
        [] => 0,
        [one] => *one,
        all => all.get(place).copied().unwrap_or(0),
    }
}

/// A text as the protocol has it: zeros end it.
fn text(out: &mut Vec<u8>, text: &str) {
    out.extend(text.bytes().filter(|byte| *byte != 0));
    out.push(0);
}
