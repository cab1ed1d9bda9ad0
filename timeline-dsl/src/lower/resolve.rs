//! What a name stands for.
//!
//! First the definitions of this program above the place, then the columns of its sources, then the outputs of the
//! programs before it. `col("x")` and `source.x` are always columns.

use super::Lowering;
use super::value::{EventValue, Lowered};
use crate::diagnostics::{Severity, codes, nearest};
use crate::habits;
use crate::syntax::{Name, Span};
use std::cell::OnceCell;
use std::rc::Rc;
use timeline_core::plan::EventExpr;

impl Lowering<'_> {
    pub(super) fn path(&mut self, span: Span, path: &[Name]) -> Lowered {
        if let [name] = path
            && let Some(binding) = self.scope.get(&name.text)
        {
            let (value, what, defined) = (binding.value.clone(), binding.what, binding.span);
            self.warn_of_hidden(span, &name.text, (what, defined));
            return match (self.clocks.get(&name.text), &value, self.clock) {
                (Some(clock), Lowered::Node { source, .. }, Some(group)) if *source != group => {
                    let clock = clock.clone();
                    self.lower(&clock)
                }
                _ => value,
            };
        }
        let joined: Vec<&str> = path.iter().map(|n| n.text.as_str()).collect();
        self.column(span, &joined.join("."))
    }

    /// Says that a name is a metric or an alert here, and not the column that it is called like: whoever called it so may mean
    /// either. A `let` is there to be spoken of.
    fn warn_of_hidden(&mut self, span: Span, name: &str, (what, defined): (&str, Span)) {
        if what == "let" || !self.visible.iter().any(|s| self.sources[*s].columns.contains_key(name)) {
            return;
        }
        let mut d = self
            .diagnostic(codes::HIDDEN, span, format!("`{name}` is the {what} here, and not the column of that name"))
            .note(self.file, defined.range(), "defined here")
            .help(format!("write `col(\"{name}\")` for the column, or give the {what} another name"));
        d.severity = Severity::Warning;
        self.say(d);
    }

    /// The column of that name; `source.name` where several sources have it.
    pub(super) fn column(&mut self, span: Span, name: &str) -> Lowered {
        let having: Vec<usize> =
            self.visible.iter().copied().filter(|s| self.sources[*s].columns.contains_key(name)).collect();
        if let [source] = having.as_slice() {
            return self.read_column(*source, name, span);
        }
        if let [first, ..] = having.as_slice() {
            let first = &self.sources[*first].name;
            let help = format!("say which: `{first}.{name}`");
            let mut d = self.diagnostic(codes::AMBIGUOUS, span, format!("several sources have a column `{name}`"));
            for s in &having {
                let source = &self.sources[*s];
                d = d.note(source.file, source.columns[name].1.range(), format!("in `{}`", source.name));
            }
            return self.say(d.help(help));
        }
        if let Some((source_name, column)) = name.split_once('.')
            && let Some(source) = self.visible.iter().copied().find(|s| self.sources[*s].name == source_name)
            && self.sources[source].columns.contains_key(column)
        {
            return self.read_column(source, column, span);
        }
        if let Some(output) = self.outputs.get(name).or_else(|| self.silent.get(name)) {
            return output.value.clone();
        }
        self.unknown(span, name)
    }

    fn read_column(&mut self, source: usize, name: &str, span: Span) -> Lowered {
        let entry = &self.sources[source];
        let Some((column, _)) = entry.columns.get(name) else { return Lowered::Error };
        let ty = column.ty;
        match self.groups[entry.group].builder.column(column.clone()) {
            Ok(id) => Lowered::Event(Rc::new(EventValue {
                source,
                expr: EventExpr::Column(id),
                ty,
                size: 1,
                depth: 1,
                node: OnceCell::new(),
            })),
            Err(error) => self.build_error(error, span),
        }
    }

    fn unknown(&mut self, span: Span, name: &str) -> Lowered {
        if let Some(below) = self.below.get(name) {
            let d = self
                .diagnostic(codes::DEFINED_BELOW, span, format!("`{name}` is used before it is defined"))
                .note(self.file, below.range(), "defined here")
                .help("move the definition up: names are known below their definition");
            return self.say(d);
        }
        if self.sink.is_full() {
            return self.error(codes::UNKNOWN_NAME, span, "", "");
        }
        let columns = self.visible.iter().flat_map(|s| self.sources[*s].columns.keys());
        let known = columns.chain(self.scope.keys()).chain(self.outputs.keys()).map(String::as_str);
        let dashed = dashed(self.text, span);
        let help = match nearest(name, known) {
            _ if habits::name(name).is_some() => habits::name(name).unwrap_or_default().to_owned(),
            _ if dashed != name => {
                let own = habits::as_name(dashed);
                format!(
                    "a name has no `-`; a field called `{dashed}` is a column of its own: `{own}: TYPE from \"{dashed}\"`"
                )
            }
            Some(near) => format!("did you mean `{near}`?"),
            None => match self.visible.first() {
                Some(s) => {
                    let source = &self.sources[*s].name;
                    format!(
                        "a text stands between double quotes; a column is declared in `source {source}` as `{name}: TYPE`"
                    )
                }
                None => "declare the source first".to_owned(),
            },
        };
        self.error(codes::UNKNOWN_NAME, span, format!("nothing is called `{name}`"), help)
    }
}

/// The name with the dashes and names that stand right beside it, as `my-column` is written elsewhere.
fn dashed(text: &str, span: Span) -> &str {
    const LONGEST: usize = 100;
    let is_part = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
    let (before, behind) = (&text[..span.range().start], &text[span.range().end..]);
    let more = behind.find(|c| !is_part(c)).unwrap_or(behind.len());
    let less = before.char_indices().rev().take_while(|(_, c)| is_part(*c)).last().map_or(before.len(), |(at, _)| at);
    let whole = &text[less..span.range().end + more];
    let is_name = whole.len() <= LONGEST && whole.split('-').all(|part| part.starts_with(|c: char| c.is_alphabetic()));
    if is_name { whole } else { span.text(text) }
}
