//! The program of a test, with a metric for every expression that the test speaks of.
//!
//! Expressions are compiled behind the program, where they see all that it defines; what the compiler says of them is
//! shown where they stand in the test.

use super::file::{ProgramAt, TestFile};
use crate::commands::program;
use crate::error::Result;
use processor::operators::{Operators, table_address};
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use timeline_core::plan::{LookupTable, Metric, Plan, TimelineKind, UserOperator};
use timeline_dsl::{
    Declared, DeclaredTable, Diagnostic, ModuleError, Modules, Outline, ProgramText, TableError, compile_with,
    is_expression, outline, render,
};

/// The text of a program and where it comes from.
pub(super) struct ProgramSource {
    /// The name of its file; `None` where it stands in the test.
    file: Option<String>,
    text: String,
    /// Where it begins in its file.
    offset: usize,
}

/// Gives the tables that stand in a test, and files for all others.
struct InTest<'t>(&'t [(&'t str, &'t str)]);

impl Modules for InTest<'_> {
    fn operator(&self, program: &str, declared: &Declared) -> Result<Arc<UserOperator>, ModuleError> {
        Operators::Local.operator(program, declared)
    }

    fn table(&self, program: &str, declared: &DeclaredTable) -> Result<Arc<LookupTable>, Box<TableError>> {
        match self.0.iter().find(|(name, _)| *name == declared.file) {
            Some((name, lines)) => {
                let file = table_address(name, lines);
                Operators::Local.table(program, &DeclaredTable { file, ..declared.clone() })
            }
            None => Operators::Local.table(program, declared),
        }
    }
}

/// A program that can run.
pub(super) struct CompiledProgram {
    pub(super) plans: Vec<Arc<Plan>>,
    /// What the program itself declares.
    pub(super) outline: Outline,
    /// For each section about an expression the name of its metric.
    names: Vec<Option<String>>,
}

impl ProgramSource {
    /// Takes the program out of the test, or reads the file that it names.
    pub(super) fn of(test: &TestFile<'_>, path: &Path) -> Result<Self> {
        match test.program {
            ProgramAt::Here { text, offset } => Ok(ProgramSource { file: None, text: text.to_owned(), offset }),
            ProgramAt::File(line) => {
                let folder = path.parent().unwrap_or(Path::new(""));
                let (file, text) = program::read(&folder.join(line.text))?;
                Ok(ProgramSource { file: Some(file), text, offset: 0 })
            }
        }
    }

    /// Compiles it. The error is what there is to say of it.
    pub(super) fn compile(&self, test: &TestFile<'_>) -> Result<CompiledProgram, String> {
        let name = self.file.as_deref().unwrap_or(test.name);
        if is_expression(&self.text) {
            return Err(format!(
                "error: {name} is one expression; a test declares its source with `source NAME {{ ... }}`"
            ));
        }
        let outline = outline(&self.text);
        let names = names(test, &outline);
        let mut combined = self.text.clone();
        let mut parts: Vec<(Range<usize>, usize)> = vec![];
        for (section, name) in test.sections.iter().zip(&names) {
            let Some(name) = name.as_ref().filter(|name| *name != section.expression) else { continue };
            combined.push_str(&format!("\nmetric {name} = "));
            let start = combined.len();
            combined.push_str(section.expression);
            parts.push((start..combined.len(), section.offset));
        }
        let program = ProgramText { name: name.to_owned(), text: combined, ..ProgramText::default() };
        let compilation = compile_with(&[program], &InTest(&test.tables));
        if compilation.is_ok() && !compilation.plans.is_empty() {
            let plans = compilation.plans.into_iter().map(Arc::new).collect();
            return Ok(CompiledProgram { plans, outline, names });
        }
        let mut programs = vec![];
        if let Some(file) = &self.file {
            programs.push(ProgramText { name: file.clone(), text: self.text.clone(), ..ProgramText::default() });
        }
        programs.push(ProgramText { name: test.name.to_owned(), text: test.text.to_owned(), ..ProgramText::default() });
        let place = |span: &mut Range<usize>| {
            let part = parts.iter().rev().find(|(range, _)| span.start >= range.start);
            let (file, offset, most) = match part {
                Some((range, at)) => (programs.len() - 1, at.wrapping_sub(range.start), at + range.len()),
                None => (0, self.offset, self.offset + self.text.len()),
            };
            let moved = |x: usize| x.wrapping_add(offset).min(most);
            *span = moved(span.start)..moved(span.end);
            file
        };
        let diagnostics: Vec<Diagnostic> = compilation
            .diagnostics
            .into_iter()
            .map(|mut d| {
                d.file = place(&mut d.span);
                d.notes.iter_mut().for_each(|note| note.file = place(&mut note.span));
                d
            })
            .collect();
        if diagnostics.is_empty() {
            return Err(format!("error: {name} has no metric and no alert"));
        }
        Err(render(&diagnostics, &programs, false))
    }
}

/// A metric's own name for an expression that is nothing else, or a new name.
fn names(test: &TestFile<'_>, outline: &Outline) -> Vec<Option<String>> {
    let taken = |name: &str| outline.definitions.iter().any(|d| d.name == name);
    let is_metric = |name: &str| outline.definitions.iter().any(|d| d.what == "metric" && d.name == name);
    let mut prefix = "expected".to_owned();
    while (0..test.sections.len()).any(|i| taken(&format!("{prefix}_{i}"))) {
        prefix.push('_');
    }
    let name = |(i, section): (usize, &super::file::Section<'_>)| match section.expression {
        "" => None,
        metric if is_metric(metric) => Some(metric.to_owned()),
        _ => Some(format!("{prefix}_{i}")),
    };
    test.sections.iter().enumerate().map(name).collect()
}

impl CompiledProgram {
    /// The name of the metric that the section is about.
    pub(super) fn metric_of(&self, section: usize) -> &str {
        self.names[section].as_deref().unwrap_or_default()
    }

    /// Whether the program itself defines this output.
    pub(super) fn is_own(&self, name: &str) -> bool {
        self.outline.definitions.iter().any(|d| d.name == name)
    }

    /// A metric and its plan.
    pub(super) fn metric(&self, name: &str) -> Option<(&Plan, &Metric)> {
        let mut all = self.plans.iter().flat_map(|plan| plan.metrics.iter().map(|metric| (&**plan, metric)));
        all.find(|(_, metric)| metric.name == name)
    }

    /// What a metric is before it is split.
    pub(super) fn kind(&self, name: &str) -> Option<TimelineKind> {
        self.metric(name).map(|(plan, metric)| plan.value_kind(metric.root))
    }
}
