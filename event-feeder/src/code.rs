//! The stable codes of everything that is wrong with input.
//!
//! | code | what is set aside |
//! |---|---|
//! | TL2001 to TL2007, TL2016 | a whole record |
//! | TL2010 to TL2013, TL2015 | one value, whose column has none then; the rest of its event counts |
//! | TL2019 | nothing: the processor does not begin |
//! | TL2101 to TL2108 | nothing: the source stops, for the log is not what it was or cannot be read |
//! | TL2110 to TL2115 | a file or a part of one; the source goes on and says so |
//! | TL2117, TL2118 | nothing: the source goes on and says so |
//! | TL2120 to TL2123, TL2127, TL2128 | nothing: a topic cannot be reached; tried again once it was |
//! | TL2124 | messages of a topic that are gone, which was accepted; the source goes on and says so |
//! | TL2125, TL2126 | nothing: the source stops, for the topic no longer holds what comes next |
//! | TL2130 | nothing: sources do not fit together |
//! | TL2131 | nothing: the event counts, in the partition that it is in |
//! | TL2140 | nothing: the source stops, for the file is of a kind that is not read |
//! | TL2141 to TL2149 | nothing: it is said, for the answer is hardly what was meant |
//! | TL2161 | nothing: it is said, for nothing is final before |
//! | TL2116, TL3116 | nothing: the source stops, for the log is not what it was |
//! | TL3117 | nothing: the source does not begin, for nobody knows what was read of it |
//!
//! A code is never given another meaning; what is new gets a new one.

use std::fmt;

macro_rules! codes {
    ($($(#[doc = $doc:literal])+ $variant:ident = $text:literal, $help:literal;)+) => {
        /// What is wrong, as a code that scripts may rely on.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum RecordCode {
            $($(#[doc = $doc])+ $variant,)+
        }

        impl RecordCode {
            /// Every code, in ascending order.
            pub const ALL: &[RecordCode] = &[$(RecordCode::$variant,)+];

            /// The code as people see it: `TL2001`.
            pub fn as_str(self) -> &'static str {
                match self { $(RecordCode::$variant => $text,)+ }
            }

            /// What it says.
            pub fn meaning(self) -> &'static str {
                match self { $(RecordCode::$variant => concat!($($doc),+).trim_ascii(),)+ }
            }

            /// What to do about it.
            pub fn help(self) -> &'static str {
                match self { $(RecordCode::$variant => $help,)+ }
            }
        }
    };
}

codes! {
    /// The record is not UTF-8.
    InvalidUtf8 = "TL2001", "write the file as UTF-8";
    /// The record is not a JSON object, or its cells are not those of the CSV header.
    Malformed = "TL2002", "a record is one JSON object on one line, or one CSV row with the header's number of cells";
    /// The key is missing, null, empty or of a type that cannot be a key.
    BadKey = "TL2003", "every record needs its key: a text that is not empty, a whole number or a truth value";
    /// The time is missing or not written as the source says.
    BadTime = "TL2004", "compare the record with the unit in the source's `time` clause";
    /// The time is beyond what 64 bits of nanoseconds hold: from the year 1677 to 2262.
    TimeOutOfRange = "TL2005", "compare the record with the unit in the source's `time` clause";
    /// The record is longer than is kept in memory.
    TooLong = "TL2006", "a record has at most 16 MiB; look for a missing line end or closing quote";
    /// The event's time is later than the log received it by more than the source allows.
    Future = "TL2007", "set the clock of whoever wrote it, or allow more with the source's `future` clause";
    /// The value is of another type than its column.
    WrongType = "TL2010", "compare the value with the column's type in the source";
    /// The number is beyond what the column's type holds.
    OutOfRange = "TL2011", "an int has 64 bits with a sign, a float at most about 1.8e308";
    /// NaN or an infinity.
    NotFinite = "TL2012", "leave the value out, or write null";
    /// Text with an escape that is no Unicode character (half of a surrogate pair).
    BadText = "TL2013", "write characters beyond the first 65536 as a pair of escapes";
    /// A user operator failed on the record; it says nothing of the record's session from then on.
    Operator = "TL2014", "what an operator may do is in docs/user-operators.md; try it on such a record with `timeline test`";
    /// The text is longer than a column holds.
    LongText = "TL2015", "a text has at most 64 KiB; keep its digest, or the part that queries need, in a column of its own";
    /// The key is longer than 64 KiB.
    LongKey = "TL2016", "take an identifier for the key, or a digest of what identifies the session";
    /// A state was written under older rules of the language, and the log is not kept from its start to be read again.
    OlderRules = "TL2019", "go on with the version that wrote it, or start over with an empty state; CHANGELOG.md says what changed";
    /// A file cannot be opened or read.
    Unreadable = "TL2101", "check that the file exists and may be read";
    /// A file is shorter than what was read of it.
    Truncated = "TL2102", "a log only grows; start over with an empty state if it was emptied on purpose";
    /// A name stands for another file than before, or a file's beginning was rewritten.
    Replaced = "TL2103", "a log only grows; rotate to later names instead of renaming or rewriting";
    /// A file that is still needed is gone.
    Gone = "TL2104", "put the file back, or start over with an empty state";
    /// A file is not of its format.
    BadFormat = "TL2105", "name the format, or give files an ending: .ndjson, .jsonl, .json, .csv or .parquet";
    /// No file has that name or matches that pattern.
    NoMatch = "TL2106", "check the path; quote a pattern so that the shell leaves it alone";
    /// A file's name is not UTF-8.
    BadName = "TL2107", "rename the file";
    /// None of the files that a state has read is one that `--source` names.
    OtherFiles = "TL2108", "name the files that the state has read with --source, and those that go on from them beside them (`--source file:OLD --source file:NEW`); or start over with an empty state";
    /// A file grew after a later one had begun; what was added is not read.
    ClosedGrew = "TL2110", "only the last file in the order of names may grow: put what was added into a new file whose name sorts last, and cut this one back to what it was";
    /// A new file's name sorts before those already read; it is not read.
    NameTooEarly = "TL2111", "name new files so that they sort last";
    /// A new name is a known file under another name; it is not read.
    KnownElsewhere = "TL2112", "a file counts once: remove the link, or the pattern that matches both";
    /// A Parquet file has no end yet; it is waited for.
    Unfinished = "TL2113", "write Parquet files elsewhere and move them in when they are complete";
    /// A file that has been read to its end is gone; the log can no longer be read again from its start.
    EarlierGone = "TL2114", "keep files for as long as their sessions are to be looked into";
    /// The last line of a file has no line feed behind it; it is waited for.
    Unended = "TL2115", "if the file is finished, put a line feed behind its last line (`eval` takes it as it stands); otherwise whoever writes the file has yet to end the line";
    /// The last line of a file was read as a whole record without a line feed, and goes on.
    WentOn = "TL2116", "write one record on each line; put what came into a line of its own, behind the record that was read, or start over with an empty state";
    /// Files that were read lie in another folder, or were put back as other files, with the same bytes; they are gone on with.
    KnownAgain = "TL2117", "nothing: they count once; where they are meant as other files, start over with an empty state";
    /// Two files of a source have the same bytes, as far as their lengths, beginnings and ends say; both count.
    SameBytes = "TL2118", "if one is a copy of the other, or the same packed, take it away or out of the pattern, and read the log again (`serve` with an empty state)";
    /// A broker cannot be reached, or does not answer.
    NoBroker = "TL2120", "check the address and that the broker runs; pulsar+ssl:// is for TLS";
    /// A broker refuses whom it takes us for.
    NoPermission = "TL2121", "give the token of a role that may consume and produce there";
    /// Somebody else reads by the same subscription.
    TopicBusy = "TL2122", "stop the other reader, or choose another subscription";
    /// There is no such topic, and the broker makes none.
    NoTopic = "TL2123", "check the tenant, the namespace and the topic";
    /// The broker no longer holds messages that come next, and it was accepted that they are lost.
    Skipped = "TL2124", "look for retention, a message TTL or a cleared backlog; replay those messages if they count";
    /// The broker no longer holds the messages that come next.
    Lost = "TL2125", "start over with an empty state, or accept the loss with --accept-gap; then look for retention, a message TTL or a cleared backlog";
    /// A topic ends before what was read of it.
    OtherTopic = "TL2126", "start over with an empty state, or name the topic that the state is of";
    /// A broker's certificate is not trusted, or is another one's.
    NotTrusted = "TL2127", "name the authority that signed the broker's certificate with --pulsar-ca; it must be for the host that is connected to";
    /// Another producer has a topic for itself.
    TopicTaken = "TL2128", "stop the producer that has exclusive access to the topic, or choose another topic";
    /// Sources that share sessions have different numbers of partitions.
    CountsDiffer = "TL2130", "give all of them as many partitions, and one router: a key is in the same one of each";
    /// An event has another key than its message, so that its session may be spread over partitions, each with a part of it.
    Misrouted = "TL2131", "give messages the key that the program names, or make such a topic with `timeline produce --repartition`; `timeline doctor` says which keys are in two partitions";
    /// A file is packed, or of a kind that is not read.
    Foreign = "TL2140", "unpack it, or write it as lines of JSON, CSV or Parquet; what gzip packs is read as it is";
    /// No record has a column that is read.
    Unseen = "TL2141", "compare the name with those in the records; a value within an object is `name: type from \"path\"`";
    /// The path of a column meets a list and does not say which element.
    InList = "TL2142", "select an element: `from \"items[0].price\"`, or by a member, `from \"params[key=page].value\"`";
    /// Most events carry nulls in most columns, and each null ends a state.
    MostlyNulls = "TL2143", "if the producer writes null for what it does not set, say `null is missing` in the source";
    /// A local time that a change of the clocks makes twice; it is taken for the earlier one.
    Twice = "TL2144", "write times with their offset, or in UTC";
    /// A time has digits beyond the nanosecond; they are cut off.
    CutOff = "TL2145", "nothing, unless the order of events within a nanosecond matters: then use `order by`";
    /// An event is far ahead of all before it in its log, so that what comes behind it is late.
    FarAhead = "TL2146", "correct its time or take its record out, and read the log again (`serve` with an empty state); of a topic a shorter `future` in the source sets such events aside, but a file does not say when it received them; `eval --sorted` waits for what is behind it, and `--until` leaves out what is ahead";
    /// All times are in 1970, and would be of our days in another unit than the program says.
    WrongUnit = "TL2147", "name the unit of the records in the source's `time` clause, as in `time ts in s`; every length of time is wrong by the same factor";
    /// A file lacks a column that is read and that others of its source have.
    Lacking = "TL2148", "compare its header with that of the others; where the column is new, its events say nothing of it, as is meant";
    /// No event was read of a file, or of a source.
    NoEvents = "TL2149", "compare the names of the files, and look whether an export gave nothing; what is wrong with records that do not count is in `dead_letters`";
    /// Records, or values of them, could not be read: they do not count.
    Unread = "TL2151", "`dead_letters` has each with its place and what is wrong; correct the records, or what the program says of them, and read the log again (`serve` with an empty state)";
    /// Events came later than the source waits for: they do not count.
    TooLate = "TL2152", "a larger `lateness` in the source waits for them, and `late repair` takes them after all; `late_events` has each with its time; `eval --sorted` reads a log that is in no order";
    /// Values were forgotten beyond a cap.
    Forgotten = "TL2153", "raise `cap`";
    /// A source of several that share sessions has no event yet, and the clock waits for it.
    NoEventYet = "TL2161", "bring its first events; of a source that may stay silent say `idle 30s` where it is a topic, or ask what needs it in a program of its own";
    /// Bytes of a file that had been read are others now.
    Rewritten = "TL3116", "put back what was there, or start over with an empty state to read the file as it is now";
    /// A subscription has acknowledged messages, and there is no state that has them.
    Acknowledged = "TL3117", "put the state back; read by a subscription of its own (--subscription), or go on with what the topic still holds with --accept-gap";
}

impl fmt::Display for RecordCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
