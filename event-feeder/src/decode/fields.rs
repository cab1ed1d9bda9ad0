//! Which fields of a record are read, and what for.

use std::sync::Arc;
use timeline_core::plan::{Column, FieldPath, Plan, Source, TimeUnit};
use timeline_core::{Time, Type};

/// The fields that a source's clauses and the plan's columns read of its records, without repetition.
pub fn fields_read(plan: &Plan, source: usize) -> Vec<FieldPath> {
    Fields::new(plan.source_at(source), &plan.columns, source).paths
}

/// The fields and their uses. A use names its field by index.
#[derive(Clone, Debug)]
pub(crate) struct Fields {
    pub(crate) paths: Vec<FieldPath>,
    /// The paths as people write them, for dead letters.
    pub(crate) names: Vec<Arc<str>>,
    pub(crate) key: Vec<usize>,
    pub(crate) time: usize,
    pub(crate) order: Option<(usize, Type)>,
    pub(crate) columns: Vec<ColumnUse>,
    pub(crate) unit: TimeUnit,
    pub(crate) lateness: Time,
    pub(crate) future: Option<Time>,
    /// How far behind the largest time an event is of no use any more.
    pub(crate) lost: Time,
}

/// A column and the field that it reads.
#[derive(Clone, Debug)]
pub(crate) struct ColumnUse {
    /// The column in a set of columns.
    pub(crate) bit: u64,
    pub(crate) field: usize,
    pub(crate) ty: Type,
    pub(crate) name: Arc<str>,
}

impl Fields {
    /// What is read of the records of one source, which has that number; columns of others are never there.
    pub(crate) fn new(source: &Source, columns: &[Column], number: usize) -> Self {
        let mut paths: Vec<FieldPath> = vec![];
        let mut field = |path: &FieldPath| {
            paths.iter().position(|known| known == path).unwrap_or_else(|| {
                paths.push(path.clone());
                paths.len() - 1
            })
        };
        let key = source.key.iter().map(&mut field).collect();
        let time = field(&source.time);
        let order = source.order.as_ref().map(|(path, ty)| (field(path), *ty));
        let own = (0..).zip(columns).filter(|(_, column)| usize::from(column.source) == number);
        let columns = own
            .map(|(i, column)| ColumnUse {
                bit: 1 << i,
                field: field(&column.path),
                ty: column.ty,
                name: Arc::from(&*column.name),
            })
            .collect();
        let names = paths.iter().map(|path| Arc::from(path.dotted())).collect();
        let Source { time_unit: unit, lateness, future, .. } = *source;
        let lost = lateness.saturating_add(source.repair.unwrap_or(0));
        Fields { paths, names, key, time, order, columns, unit, lateness, future, lost }
    }
}

/// The members of an object that lead to fields: a tree over the paths.
#[derive(Clone, Debug, Default)]
pub(crate) struct Members {
    /// The field that a member with this path is.
    pub(crate) field: Option<usize>,
    /// Members within it, if it is an object.
    pub(crate) within: Vec<(String, Members)>,
}

impl Members {
    /// The tree over all fields. A field whose path has several members is also found as one top-level member whose
    /// name contains the dots.
    pub(crate) fn new(fields: &Fields) -> Self {
        let mut root = Members::default();
        for (i, path) in fields.paths.iter().enumerate() {
            path.0.iter().fold(&mut root, |node, name| node.member(name)).field = Some(i);
        }
        for (i, path) in fields.paths.iter().enumerate().filter(|(_, path)| path.0.len() > 1) {
            root.member(&path.dotted()).field.get_or_insert(i);
        }
        root
    }

    fn member(&mut self, name: &str) -> &mut Members {
        let at = self.within.iter().position(|(known, _)| known == name).unwrap_or_else(|| {
            self.within.push((name.to_owned(), Members::default()));
            self.within.len() - 1
        });
        &mut self.within[at].1
    }

    /// Calls `f` for the member's own field and all fields within it.
    pub(crate) fn each_field(&self, f: &mut impl FnMut(usize)) {
        self.field.iter().for_each(|field| f(*field));
        self.within.iter().for_each(|(_, member)| member.each_field(f));
    }
}
