//! The stable codes of what is wrong with a state, and of what it proves.
//!
//! A code is never given another meaning; what is new gets a new one. Codes of input are in [`event_feeder::RecordCode`].

use std::fmt;

macro_rules! codes {
    ($($(#[doc = $doc:literal])+ $variant:ident = $text:literal, $help:literal;)+) => {
        /// What is wrong with a state, as a code that scripts may rely on.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum StateCode {
            $($(#[doc = $doc])+ $variant,)+
        }

        impl StateCode {
            /// Every code, in ascending order.
            pub const ALL: &[StateCode] = &[$(StateCode::$variant,)+];

            /// The code as people see it: `TL3110`.
            pub fn as_str(self) -> &'static str {
                match self { $(StateCode::$variant => $text,)+ }
            }

            /// What it says.
            pub fn meaning(self) -> &'static str {
                match self { $(StateCode::$variant => concat!($($doc),+).trim_ascii(),)+ }
            }

            /// What to do about it.
            pub fn help(self) -> &'static str {
                match self { $(StateCode::$variant => $help,)+ }
            }
        }
    };
}

codes! {
    /// An object of the state has a format that this version does not know.
    Format = "TL3103", "go on with the version that wrote it, or start over with an empty state";
    /// What the state cannot do without is missing, or has other bytes than were written.
    Broken = "TL3104", "put the objects back from a copy, or start over with an empty state";
    /// A file of history is missing, or has other bytes than were written; questions that need it are refused.
    Damaged = "TL3110", "put the file back from a copy; or read the log again from its start with `serve --remake NAME`, or go on without with `serve --accept-damage NAME`";
    /// Rows of history are lost, which was accepted; answers are without them.
    Lost = "TL3111", "`serve --remake NAME` reads the log again from its start, where that is still there";
    /// Messages that are to be published are missing, or have other bytes than were written.
    Owed = "TL3112", "put the file back from a copy, or leave those messages out with `serve --accept-damage NAME`";
    /// A source has files, or parts of files, that are not read, so that no answer is true for the source as it is.
    NotAll = "TL3115", "name the state's own files with --source, give the files that came names that sort last, and put what a closed file has got into a new one";
    /// The place of the state takes nothing more: it is full, or may not be written to.
    NoRoom = "TL3118", "make room, or let whoever runs `serve` write there; nothing that was committed is lost";
    /// A version of the deployed programs was there, and is not any more.
    NoVersion = "TL3119", "put the object back from a copy, or go on with the version before it with `serve --accept-damage NAME`";
    /// The rules of a time zone are others in this version than those by which the state was calculated.
    Zones = "TL3120", "nothing has to be done: the state is kept, and the new rules hold from the next window on; to have all by the new rules, start over with an empty state";
    /// Rows of history cannot be written where its tables are, and wait in the state.
    HistoryAway = "TL3121", "make the place of --history writable again; nothing is lost meanwhile, and beyond --history-backlog reading waits";
    /// A store of objects gives no answer; it is asked again until it does.
    StoreSilent = "TL3122", "look at the store, at the address that AWS_ENDPOINT names, and at the network; nothing that was committed is lost, and work goes on once it answers";
}

impl fmt::Display for StateCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
