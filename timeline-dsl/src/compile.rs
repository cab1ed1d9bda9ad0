//! Programs in, plans and diagnostics out.

use crate::diagnostics::{Diagnostic, Diagnostics, Severity, codes, nearest};
use crate::lower::{Joins, Lowering, Observation, SourceEntry, infer_columns};
use crate::modules::{Modules, NoModules, Trusting};
use crate::parser;
use crate::syntax::{Item, ProgramSyntax, Span};
use std::collections::{BTreeMap, BTreeSet};
use timeline_core::plan::{Csv, FUTURE, FieldPath, Nulls, Plan, SourceColumn, SourceDefinition, TimeUnit};
use timeline_core::{Time, Type};

/// A text to compile.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ProgramText {
    /// The name of its file, for diagnostics.
    pub name: String,
    /// The text; at most [`parser::MAX_PROGRAM_BYTES`].
    pub text: String,
    /// Metrics and alerts not to produce, though their names stay usable in its expressions and in those of later programs.
    pub without: BTreeSet<String>,
    /// Those of them that later programs do not see.
    pub unspoken: BTreeSet<String>,
}

/// What programs compile to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Compilation {
    /// One for each source with outputs, or group of sources that they join, in the order of declaration. Only meaningful where [`Compilation::is_ok`].
    pub plans: Vec<Plan>,
    /// What there is to say, in the order of the programs; at most [`crate::diagnostics::MAX_DIAGNOSTICS`] and one.
    pub diagnostics: Vec<Diagnostic>,
}

impl Compilation {
    /// Whether the plans can run: no diagnostic is an error.
    pub fn is_ok(&self) -> bool {
        self.diagnostics.iter().all(|d| d.severity != Severity::Error)
    }
}

/// What is known beside the text of a program that is one expression.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Defaults {
    /// The field that identifies a session, members joined by dots; several fields are separated by commas.
    pub key: Option<String>,
    /// The field that holds the event time, members joined by dots.
    pub time: Option<String>,
    /// How the event time is written; if not given, RFC 3339 where the field is known to be text, else milliseconds.
    pub time_unit: Option<TimeUnit>,
    /// How long an out-of-order event is waited for, in nanoseconds.
    pub lateness: Time,
    /// How CSV is written, as far as that is said.
    pub csv: Csv,
    /// The fields seen in a sample of the data, members joined by dots, and their types.
    pub known: BTreeMap<String, Type>,
    /// In how many records of the sample each of them has a value, where that is known.
    pub counts: BTreeMap<String, u64>,
}

/// Names that fields with a session's key commonly have, likely ones first; compared without case and underscores.
const KEY_NAMES: &[&str] = &[
    "sessionid",
    "session",
    "sid",
    "key",
    "id",
    "deviceid",
    "device",
    "userid",
    "user",
    "cardid",
    "card",
    "clientid",
    "client",
    "host",
    "ip",
];

/// Those of them that fields of any sort have.
const ANYTHING: &[&str] = &["key", "id"];

/// Names that fields with an event's time commonly have, likely ones first; compared without case and underscores.
const TIME_NAMES: &[&str] =
    &["ts", "time", "timestamp", "eventtime", "eventts", "eventtimestamp", "datetime", "date", "at"];

/// Compiles programs together: identical sources, and identical parts of expressions, are shared. User operators are refused.
pub fn compile(programs: &[ProgramText]) -> Compilation {
    compile_with(programs, &NoModules)
}

/// Compiles programs together, with somebody who gives the modules of user operators.
pub fn compile_with(programs: &[ProgramText], modules: &dyn Modules) -> Compilation {
    let mut joins = Joins::default();
    loop {
        let mut sink = Diagnostics::default();
        let trees: Vec<ProgramSyntax> =
            programs.iter().enumerate().map(|(i, p)| parser::parse(i, &p.text, &mut sink)).collect();
        let mut lowering = Lowering::new(programs, &joins, modules, &mut sink);
        for (i, tree) in trees.iter().enumerate() {
            lowering.program(i, tree);
        }
        let more = match lowering.more_joins() {
            Some(more) => more,
            None => {
                let plans = lowering.finish();
                joins.said.into_iter().for_each(|d| sink.push(d));
                return Compilation { plans, diagnostics: sink.finish() };
            }
        };
        joins = more;
    }
}

/// What every expression of a program turned out to be, as far as it can be read.
pub(crate) fn observe(program: &ProgramText) -> Vec<Observation> {
    let programs = std::slice::from_ref(program);
    let mut joins = Joins::default();
    loop {
        let mut sink = Diagnostics::default();
        let tree = parser::parse(0, &program.text, &mut sink);
        let mut lowering = Lowering::new(programs, &joins, &Trusting, &mut sink);
        lowering.observe();
        lowering.program(0, &tree);
        let more = match lowering.more_joins() {
            Some(more) => more,
            None => return lowering.observed(),
        };
        joins = more;
    }
}

/// Compiles one expression as the metric `result` of a source `events`.
///
/// Types of columns are inferred from their use, then taken from [`Defaults::known`], and else `string`.
pub fn compile_expression(text: &str, defaults: &Defaults) -> Compilation {
    let programs = [ProgramText { name: "expression".into(), text: text.to_owned(), ..ProgramText::default() }];
    let mut sink = Diagnostics::default();
    let Some(definition) = parser::parse_expression(0, text, "result", &mut sink) else {
        return Compilation { plans: vec![], diagnostics: sink.finish() };
    };
    let columns = infer_columns(&definition, &defaults.known)
        .into_iter()
        .map(|(name, ty)| {
            let column = SourceColumn { name: name.clone(), path: path(&name), ty, source: 0, nulls: Nulls::default() };
            (name, (column, Span::new(0, text.len())))
        })
        .collect();
    let key = field(defaults, defaults.key.as_deref(), KEY_NAMES, "key", "the key of a session", &mut sink);
    let time = field(defaults, defaults.time.as_deref(), TIME_NAMES, "time", "the time of an event", &mut sink);
    let is_text = defaults.known.get(&time) == Some(&Type::String);
    let default_unit = if is_text { TimeUnit::Rfc3339 } else { TimeUnit::Milliseconds };
    let source = SourceDefinition {
        name: "events".into(),
        key: key.split(',').map(|k| path(k.trim())).collect(),
        time: path(&time),
        time_unit: defaults.time_unit.clone().unwrap_or(default_unit),
        order: None,
        lateness: defaults.lateness,
        future: Some(FUTURE),
        idle: timeline_core::plan::Idle::Usual,
        repair: None,
        csv: defaults.csv,
    };
    let joins = Joins::default();
    let mut lowering = Lowering::new(&programs, &joins, &NoModules, &mut sink);
    lowering.add_source(SourceEntry::new(source, 0, Span::default(), columns));
    lowering.program(0, &ProgramSyntax { items: vec![Item::Metric(definition)] });
    let plans = lowering.finish();
    Compilation { plans, diagnostics: sink.finish() }
}

/// Whether a program is one bare expression, for [`compile_expression`], rather than declarations.
pub fn is_expression(text: &str) -> bool {
    parser::looks_like_expression(text)
}

/// The field that was given, or the known one that has a common name.
fn field(
    defaults: &Defaults,
    given: Option<&str>,
    common: &[&str],
    flag: &str,
    what: &str,
    sink: &mut Diagnostics,
) -> String {
    let known = || defaults.known.keys().map(String::as_str);
    let say = |sink: &mut Diagnostics, severity: Severity, message: String, help: String| {
        let d = Diagnostic::error(codes::DEFAULTS, 0, 0..0, message).help(help);
        sink.push(Diagnostic { severity, ..d });
    };
    if let Some(given) = given {
        for part in given.split(',').map(str::trim) {
            if !defaults.known.is_empty() && !defaults.known.contains_key(part) {
                let near = nearest(part, known()).map(|n| format!("did you mean `{n}`? ")).unwrap_or_default();
                let message = format!("--{flag}: no field `{part}` was seen in the data");
                // Only a sample was looked at, so the field may still come.
                say(sink, Severity::Warning, message, format!("{near}seen in the data: {}", list(known())));
            }
        }
        return given.to_owned();
    }
    let squeezed = |name: &str| -> String { name.chars().filter(|c| *c != '_').flat_map(char::to_lowercase).collect() };
    // What few records have is no key of the others: a slip of a producer, or another kind of record.
    let count = |name: &str| defaults.counts.get(name).copied().unwrap_or(0);
    let is_common = |name: &&str| common.contains(&squeezed(name).as_str());
    let most = known().filter(is_common).map(count).max().unwrap_or(0);
    let of_name = |name: &&str| {
        let alike = defaults.known.keys().rev().map(String::as_str).filter(|known| squeezed(known) == **name);
        alike.max_by_key(|known| count(known)).filter(|known| count(known).saturating_mul(2) >= most)
    };
    let mut named = common.iter().filter_map(of_name);
    if let Some(found) = named.next() {
        // A number of the row may be called so, too.
        let other = named.next().filter(|_| ANYTHING.contains(&squeezed(found).as_str()));
        if let Some(other) = other {
            let message = format!("`{found}` is taken for {what}, and it might be `{other}`");
            say(sink, Severity::Warning, message, format!("say which with `--{flag} {found}` or `--{flag} {other}`"));
        }
        return found.to_owned();
    }
    let seen = if defaults.known.is_empty() { String::new() } else { format!("; seen in the data: {}", list(known())) };
    say(
        sink,
        Severity::Error,
        format!("{what} is not known"),
        format!("say which field it is with `--{flag} FIELD`{seen}"),
    );
    String::new()
}

fn list<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<&str> = names.collect();
    let more = if names.len() > 20 { ", ..." } else { "" };
    format!("{}{more}", names[..names.len().min(20)].join(", "))
}

fn path(dotted: &str) -> FieldPath {
    FieldPath::parse(dotted).unwrap_or_else(|_| FieldPath::name(dotted))
}
