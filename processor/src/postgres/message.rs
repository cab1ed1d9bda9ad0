//! What a client says: messages read from bytes.
//!
//! Pure: bytes in, messages out. **Invariant:** whatever the bytes are, nothing panics and nothing is reserved that has not
//! come; every length is held against the bytes that are there.

/// The longest message but a statement's or its parameters'.
pub(super) const STARTUP_BYTES_MAX: usize = 10_000;

const PROTOCOL: u32 = 3;
const CANCEL: u32 = 80_877_102;
const TLS: u32 = 80_877_103;
const GSS: u32 = 80_877_104;

/// Why bytes are no message.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Malformed(pub(super) &'static str);

/// What a connection begins with.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Opening {
    /// It asks for TLS.
    Tls,
    /// It asks for encryption that is not spoken here.
    Gss,
    /// It ends the question of another connection.
    Cancel { process: i32, secret: Vec<u8> },
    /// It begins, in this minor version of the protocol, with these parameters.
    Start { minor: u16, parameters: Vec<(String, String)> },
}

/// What something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MessageKind {
    Statement,
    Portal,
}

/// A message of a connection that has begun.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum ClientMessage {
    Password(Vec<u8>),
    Query(String),
    Parse {
        name: String,
        sql: String,
        types: Vec<u32>,
    },
    Bind(Bind),
    Describe(MessageKind, String),
    Execute {
        portal: String,
        rows: u32,
    },
    Close(MessageKind, String),
    Sync,
    Flush,
    Terminate,
    /// Rows of a COPY from the client, which nothing here asks for.
    Copy,
}

/// Values for a statement.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Bind {
    pub(super) portal: String,
    pub(super) statement: String,
    /// Of the values: 0 is text, 1 binary; one for all, or one each.
    pub(super) formats: Vec<u16>,
    pub(super) values: Vec<Option<Vec<u8>>>,
    /// Of the columns that come, likewise.
    pub(super) results: Vec<u16>,
}

/// The length of the first message of a connection, once it has come whole.
pub(super) fn opening(bytes: &[u8]) -> Result<Option<(Opening, usize)>, Malformed> {
    let Some(head) = bytes.first_chunk::<4>() else { return Ok(None) };
    let length = u32::from_be_bytes(*head) as usize;
    if !(8..=STARTUP_BYTES_MAX).contains(&length) {
        return Err(Malformed("this is no client of PostgreSQL"));
    }
    let Some(body) = bytes.get(4..length) else { return Ok(None) };
    let mut body = MessageBody(body);
    let opening = match body.u32()? {
        TLS => Opening::Tls,
        GSS => Opening::Gss,
        CANCEL => Opening::Cancel { process: body.u32()? as i32, secret: body.rest().to_vec() },
        version if version >> 16 == PROTOCOL => {
            let mut parameters = vec![];
            loop {
                let name = body.text()?;
                if name.is_empty() {
                    break;
                }
                parameters.push((name, body.text()?));
            }
            Opening::Start { minor: (version & 0xffff) as u16, parameters }
        }
        _ => return Err(Malformed("only version 3 of the protocol is spoken here")),
    };
    Ok(Some((opening, length)))
}

/// The next message, and how many bytes it takes, once it has come whole.
pub(super) fn next(bytes: &[u8], bytes_max: usize) -> Result<Option<(ClientMessage, usize)>, Malformed> {
    let Some((kind, rest)) = bytes.split_first() else { return Ok(None) };
    let Some(head) = rest.first_chunk::<4>() else { return Ok(None) };
    let length = u32::from_be_bytes(*head) as usize;
    if length < 4 {
        return Err(Malformed("a message is shorter than its own length"));
    }
    if length > bytes_max {
        return Err(Malformed("a message is longer than is taken"));
    }
    let Some(body) = rest.get(4..length) else { return Ok(None) };
    let mut body = MessageBody(body);
    let message = match kind {
        b'p' => ClientMessage::Password(body.rest().to_vec()),
        b'Q' => ClientMessage::Query(body.text()?),
        b'P' => {
            let (name, sql) = (body.text()?, body.text()?);
            let count = body.u16()?;
            let types = (0..count).map(|_| body.u32()).collect::<Result<_, _>>()?;
            ClientMessage::Parse { name, sql, types }
        }
        b'B' => ClientMessage::Bind(bind(&mut body)?),
        b'D' => ClientMessage::Describe(body.kind()?, body.text()?),
        b'E' => ClientMessage::Execute { portal: body.text()?, rows: body.u32()? },
        b'C' => ClientMessage::Close(body.kind()?, body.text()?),
        b'S' => ClientMessage::Sync,
        b'H' => ClientMessage::Flush,
        b'X' => ClientMessage::Terminate,
        b'd' | b'c' | b'f' => ClientMessage::Copy,
        _ => return Err(Malformed("no message begins so")),
    };
    Ok(Some((message, length + 1)))
}

fn bind(body: &mut MessageBody<'_>) -> Result<Bind, Malformed> {
    let (portal, statement) = (body.text()?, body.text()?);
    let formats = body.u16s()?;
    let count = body.u16()?;
    let mut values = vec![];
    for _ in 0..count {
        let length = body.u32()?;
        values.push(if length == u32::MAX { None } else { Some(body.take(length as usize)?.to_vec()) });
    }
    Ok(Bind { portal, statement, formats, values, results: body.u16s()? })
}

/// What is left of a message.
struct MessageBody<'a>(&'a [u8]);

impl<'a> MessageBody<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(Malformed("a message ends too early"))?;
        self.0 = rest;
        Ok(taken)
    }

    fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.0)
    }

    fn u16(&mut self) -> Result<u16, Malformed> {
        let bytes = self.take(2)?;
        Ok(u16::from_be_bytes([bytes[0], bytes[1]]))
    }

    fn u32(&mut self) -> Result<u32, Malformed> {
        let bytes = self.take(4)?;
        Ok(u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
    }

    fn u16s(&mut self) -> Result<Vec<u16>, Malformed> {
        let count = self.u16()?;
        (0..count).map(|_| self.u16()).collect()
    }

    fn kind(&mut self) -> Result<MessageKind, Malformed> {
        match self.take(1)? {
            b"S" => Ok(MessageKind::Statement),
            b"P" => Ok(MessageKind::Portal),
            _ => Err(Malformed("neither a statement nor a portal")),
        }
    }

    /// A text that ends with a zero.
    fn text(&mut self) -> Result<String, Malformed> {
        let end = self.0.iter().position(|byte| *byte == 0).ok_or(Malformed("a text does not end"))?;
        let text = self.take(end)?;
        self.take(1)?;
        String::from_utf8(text.to_vec()).map_err(|_| Malformed("a text is not UTF-8"))
    }
}
