//! The codes: stable for ever, one section each in `docs/errors.md`.
//!
//! TL0105 was a clause that was not supported; it is given no more, and never to anything else.
//!
//! `TL00xx` are about reading the text, `TL01xx` about names, `TL02xx` about types, `TL03xx` about sources,
//! `TL04xx` about user operators, `TL05xx` about tables.

/// A code and its title.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DiagnosticCode {
    /// `TL0001`.
    pub name: &'static str,
    /// What it means, as the title of its section.
    pub title: &'static str,
}

macro_rules! codes {
    ($($constant:ident = $name:literal, $title:literal;)*) => {
        $(pub(crate) const $constant: DiagnosticCode = DiagnosticCode { name: $name, title: $title };)*

        /// Every code, in order.
        pub const ALL: &[DiagnosticCode] = &[$($constant),*];
    };
}

codes! {
    CHARACTER = "TL0001", "A character that the language does not use";
    STRING = "TL0002", "A string that does not end or has a bad escape";
    NUMBER = "TL0003", "A number that cannot be read";
    DURATION = "TL0004", "A duration that cannot be read";
    SYNTAX = "TL0005", "Something else is expected here";
    UNCLOSED = "TL0006", "A bracket that is not closed";
    NESTING = "TL0007", "Nested too deeply";
    TOO_LONG = "TL0008", "The program is too long";
    CHAIN = "TL0009", "Comparisons do not chain";
    TOO_MANY = "TL0010", "More mistakes than are shown";
    UNKNOWN_NAME = "TL0101", "Nothing has this name";
    UNKNOWN_FUNCTION = "TL0102", "No operator has this name";
    NO_EVENTS = "TL0103", "A function that reads no events";
    UNKNOWN_CLAUSE = "TL0104", "A source has no such clause";
    DEFINED_BELOW = "TL0106", "Used before it is defined";
    DUPLICATE = "TL0107", "Defined twice";
    REDEFINED = "TL0108", "Another definition under a known name";
    AMBIGUOUS = "TL0109", "Several sources have this column";
    HIDDEN = "TL0110", "A column that is hidden by a metric or an alert";
    NEEDS_STATE = "TL0201", "An event where a timeline is needed";
    NEEDS_EVENT = "TL0202", "A timeline where an event is needed";
    MIXED = "TL0203", "Events and timelines in one predicate";
    TYPE = "TL0204", "The wrong type";
    COMPARE = "TL0205", "Types that cannot be compared";
    MOVING = "TL0206", "Equality with a number that moves by itself";
    ARGUMENTS = "TL0207", "The wrong arguments";
    NEEDS_DURATION = "TL0208", "A duration is needed";
    WINDOW = "TL0209", "A window must be longer than zero";
    CUMULATIVE = "TL0210", "A cumulative number is needed";
    SPLIT = "TL0211", "A split that is not the outermost of a metric";
    DIMENSION = "TL0212", "A dimension without a name of its own";
    AGGREGATE = "TL0213", "An aggregate that cannot be made";
    SOURCES = "TL0214", "Columns of two sources in one event";
    ARITHMETIC = "TL0215", "A calculation that cannot be made";
    ZERO = "TL0216", "Division by the constant zero";
    RANGE = "TL0217", "A constant out of range";
    CONSTANT = "TL0218", "A constant where a timeline is needed";
    TOO_LARGE = "TL0219", "More than a plan can hold";
    QUADRATIC = "TL0220", "A calculation that is no straight line";
    CHOICE = "TL0221", "A choice between different types";
    FUNCTION = "TL0222", "A function of the wrong values";
    UNBOUNDED = "TL0223", "Memory without a bound";
    RESERVED = "TL0224", "A dimension called like a column of the tables";
    CALCULATED = "TL0225", "A length of time that is calculated";
    TABLE = "TL0226", "A metric or an alert called like a table";
    CAP_OF_WINDOWS = "TL0230", "A cap that does nothing";
    CALENDAR = "TL0231", "Windows that no calendar has";
    SEVEN_DAYS = "TL0232", "Seven days that are no week";
    HOURS = "TL0233", "Hours or days that no clock shows";
    LINE = "TL0234", "A line that is known only afterwards";
    NO_RECORD = "TL0240", "A column at an event that has no record";
    OTHER_RECORD = "TL0241", "A column at an event of another source";
    LATEST_AT = "TL0242", "The latest value at events that have their own";
    EVENTS = "TL0250", "A metric of events that is not aggregated";
    INCOMPLETE = "TL0301", "A source that lacks a clause";
    REPEATED = "TL0302", "A clause that stands twice";
    TIME_UNIT = "TL0303", "An unknown time unit";
    NO_SOURCE = "TL0304", "No source is declared";
    DEFAULTS = "TL0305", "An expression without key or time";
    KEYS = "TL0306", "Sources that are joined have different keys";
    ENDS = "TL0307", "Sources that are joined end their sessions differently";
    KEY_NAMES = "TL0308", "Sources whose keys have different names";
    TIME_FORMAT = "TL0309", "A time format that cannot be read";
    ZONE = "TL0310", "An unknown time zone";
    PATH = "TL0311", "A path that cannot be read";
    CSV = "TL0312", "CSV that cannot be written so";
    LINGER = "TL0316", "A source that lingers without an end event";
    MODULE_UNREADABLE = "TL0401", "A module that cannot be read";
    MODULE_UNFIT = "TL0402", "A module that can be no operator";
    MODULE_SIGNATURE = "TL0403", "A module with another signature";
    NO_MODULES = "TL0404", "User operators cannot be run here";
    TABLE_UNREADABLE = "TL0501", "A table that cannot be read";
    TABLE_TOO_LARGE = "TL0502", "A table that is too large";
    TABLE_COLUMNS = "TL0503", "A column that the table's file does not have";
    TABLE_ROW = "TL0504", "A row that cannot be read";
    TABLE_OVERLAP = "TL0505", "Two rows that say something at one instant";
    TABLE_INCOMPLETE = "TL0506", "A table that lacks a key or a column";
    NO_TABLES = "TL0507", "Tables cannot be read here";
}
