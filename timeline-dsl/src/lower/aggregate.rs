//! `aggregate(group_by(k), count, sum, ...)`.

use super::Lowering;
use super::value::Lowered;
use crate::diagnostics::{codes, nearest};
use crate::syntax::{AggregateItem, Dimension, FunctionItem, Name};
use timeline_core::plan::{Aggregate, AggregateFunction, Every, GroupKey, GroupOf, NodeId, Op, TimelineKind, Unit};

impl Lowering<'_> {
    /// The aggregate, and the root that it reads: a state of numbers is read as a number.
    pub(super) fn aggregate(
        &mut self,
        source: usize,
        root: NodeId,
        (dimensions, windows): (&[String], Option<&(String, Every)>),
        item: &AggregateItem,
    ) -> Option<(Aggregate, NodeId)> {
        let mut functions: Vec<AggregateFunction> = vec![];
        let mut failed = self.too_many_dimensions(item.span, &item.group_by);
        if failed {
            return None;
        }
        for FunctionItem { name, of } in &item.functions {
            let function =
                if name.text == "distinct" { self.distinct(name, of, source, &functions) } else { self.function(name) };
            match function {
                Some(f) if functions.contains(&f) => {}
                Some(f) => {
                    failed |= !self.function_fits(name, &f, source, root);
                    functions.push(f);
                }
                None => failed = true,
            }
        }
        if functions.is_empty() && !failed {
            let message = "an aggregate needs a function";
            let help = "for example `aggregate(count, sum, avg, p95)`";
            self.error(codes::AGGREGATE, item.span, message, help);
            failed = true;
        }
        let mut group_by: Vec<GroupKey> = vec![];
        for key in &item.group_by {
            match self.group_key((source, root), key, (dimensions, windows), &group_by) {
                Some(key) => group_by.push(key),
                None => failed = true,
            }
        }
        failed |= self.lacks_window((source, root), item, &group_by);
        if failed {
            return None;
        }
        let reads = |f: &AggregateFunction| !matches!(f, AggregateFunction::Count | AggregateFunction::Distinct { .. });
        let root = if functions.iter().any(reads) && self.is_numeric_state(source, root) {
            self.node(source, Op::NumberOf(root), item.span)?
        } else {
            root
        };
        Some((Aggregate { group_by, functions, members: item.members }, root))
    }

    /// Says so where sessions are counted at once in windows, and then in none of them.
    fn lacks_window(&mut self, (source, root): (usize, NodeId), item: &AggregateItem, group_by: &[GroupKey]) -> bool {
        let plan = self.groups[source].builder.plan();
        let Some((clock, _)) = plan.windows_of(root).filter(|_| plan.counted_at_once(root).is_some()) else {
            return false;
        };
        if group_by.iter().any(|key| key.of == GroupOf::Dimension(clock)) {
            return false;
        }
        let message = "sessions that are counted at once in windows are not added up over them";
        let help = "group by the window: `aggregate(group_by(every), now, peak, mean)`, or leave `every` out";
        self.error(codes::AGGREGATE, item.span, message, help);
        true
    }

    fn function(&mut self, name: &Name) -> Option<AggregateFunction> {
        let at_once = [AggregateFunction::Now, AggregateFunction::Peak, AggregateFunction::Mean];
        let known = [
            AggregateFunction::Count,
            AggregateFunction::Sum,
            AggregateFunction::Avg,
            AggregateFunction::Min,
            AggregateFunction::Max,
        ];
        let known = known.into_iter().chain(at_once).collect::<Vec<_>>();
        if let Some(f) = known.iter().find(|f| f.name() == name.text) {
            return Some(f.clone());
        }
        if let Some(digits) =
            name.text.strip_prefix('p').filter(|d| !d.is_empty() && d.bytes().all(|b| b.is_ascii_digit()))
        {
            return match digits.parse() {
                Ok(p @ 1..=99) => Some(AggregateFunction::Percentile(p)),
                _ => {
                    let help = "percentiles go from p1 to p99; the least and the greatest are `min` and `max`";
                    self.error(codes::AGGREGATE, name.span, format!("`{}` is no percentile", name.text), help);
                    None
                }
            };
        }
        if let Some((whole, _)) = name.text.strip_prefix('p').and_then(|digits| digits.split_once('.')) {
            let near = whole.parse().ok().filter(|p| (1..=99).contains(p)).map(|p: u8| format!("`p{p}`, or "));
            let help = format!("percentiles are whole, p1 to p99: {}`max` for the greatest", near.unwrap_or_default());
            self.error(codes::AGGREGATE, name.span, format!("`{}` is no percentile", name.text), help);
            return None;
        }
        let near = match name.text.to_ascii_lowercase().as_str() {
            "average" | "avg" | "mean" => Some("avg"),
            "median" | "percentile" | "quantile" => Some("p50"),
            "total" | "sum" => Some("sum"),
            "minimum" | "least" | "min" => Some("min"),
            "maximum" | "greatest" | "max" => Some("max"),
            "n" | "rows" | "sessions" | "count" => Some("count"),
            "count_distinct" | "distinct_count" | "approx_distinct" | "uniq" | "unique" | "nunique" => {
                Some("distinct(x)")
            }
            other => nearest(other, ["count", "sum", "avg", "min", "max", "group_by"]),
        };
        let near = near.map(|n| format!("did you mean `{n}`? ")).unwrap_or_default();
        let help = format!("{near}the functions are count, sum, avg, min, max, p1 to p99 and distinct(x)");
        self.error(codes::AGGREGATE, name.span, format!("no aggregate function is called `{}`", name.text), help);
        None
    }

    fn function_fits(&mut self, name: &Name, f: &AggregateFunction, source: usize, root: NodeId) -> bool {
        let kind = self.kind(source, root);
        let at_once = match self.op(source, root) {
            Op::Split { of, .. } => matches!(self.op(source, *of), Op::Concurrency { .. }),
            op => matches!(op, Op::Concurrency { .. }),
        };
        match (f, kind) {
            (AggregateFunction::Count | AggregateFunction::Distinct { .. }, _) if at_once => true,
            (AggregateFunction::Now | AggregateFunction::Peak | AggregateFunction::Mean, _) if at_once => true,
            (AggregateFunction::Now | AggregateFunction::Peak | AggregateFunction::Mean, _) => {
                let near = if *f == AggregateFunction::Mean { "the mean of values is `avg`; " } else { "" };
                let help = format!("{near}`concurrency(b) | aggregate(now, peak, mean)` counts sessions at once");
                let message = format!("`{}` reads `concurrency(...)`, this metric is {kind}", name.text);
                self.error(codes::AGGREGATE, name.span, message, help);
                false
            }
            (_, TimelineKind::State(_)) if at_once => {
                let message = format!("`{}` does not read `concurrency(...)`", name.text);
                self.error(codes::AGGREGATE, name.span, message, "it has `count`, `now`, `peak` and `mean`");
                false
            }
            (AggregateFunction::Count | AggregateFunction::Distinct { .. }, _) => true,
            (_, TimelineKind::Number(Unit::Instant)) => {
                let message = format!("`{}` reads numbers, this metric is {kind}", name.text);
                let help = "`count` counts sessions with a value; the difference of two instants is a duration";
                self.error(codes::AGGREGATE, name.span, message, help);
                false
            }
            (_, TimelineKind::Number(_)) => true,
            (AggregateFunction::Sum, TimelineKind::Ratio(_)) => {
                let help = if self.is_over_constant(source, root) {
                    "sum the number itself, and scale the result: a multiple by a decimal is kept as a ratio"
                } else {
                    "`avg` of a ratio is sum over sum; for other sums, aggregate its two sides as metrics"
                };
                self.error(codes::AGGREGATE, name.span, "ratios are not summed", help);
                false
            }
            (_, TimelineKind::Ratio(_)) => true,
            (_, TimelineKind::State(ty) | TimelineKind::Event(ty)) if ty.is_numeric() => true,
            (_, TimelineKind::Event(_)) => self.counts_alone(name, kind),
            _ => {
                let message = format!("`{}` reads numbers, this metric is {kind}", name.text);
                let help = "`count` counts sessions with a value; `duration_where(...)` makes a number of a condition";
                self.error(codes::AGGREGATE, name.span, message, help);
                false
            }
        }
    }

    /// Whether the node is a ratio over a constant.
    pub(super) fn is_over_constant(&self, source: usize, id: NodeId) -> bool {
        matches!(*self.op(source, id), Op::Ratio { denominator, .. } if self.facts(source, denominator).constant)
    }

    /// A dimension of the split, or a state when the session is read.
    fn group_key(
        &mut self,
        (source, root): (usize, NodeId),
        key: &Dimension,
        (dimensions, windows): (&[String], Option<&(String, Every)>),
        taken: &[GroupKey],
    ) -> Option<GroupKey> {
        let taken: Vec<String> = taken.iter().map(|k| k.name.clone()).collect();
        let name = self.dimension_name(key, &taken)?;
        if let Some(i) = dimensions.iter().position(|d| *d == name) {
            return Some(GroupKey { name, of: GroupOf::Dimension(i) });
        }
        if let Some((_, every)) = windows.filter(|(own, _)| *own == name) {
            return Some(GroupKey { name, of: GroupOf::Window(every.clone()) });
        }
        let span = key.value.span;
        self.refuse_reserved(key, &name);
        // What is told by windows is grouped by what is in force when each is over.
        if !dimensions.is_empty() && self.groups[source].builder.plan().windows_of(root).is_none() {
            let help =
                format!("the metric is split by {}: group by these, or split by `{name}` too", dimensions.join(", "));
            self.error(codes::AGGREGATE, span, format!("`{name}` is no dimension of this metric"), help);
            return None;
        }
        Some(GroupKey { name, of: GroupOf::State(self.state_beside(source, key, "`group_by`")?) })
    }

    /// A state that is read beside a value: a bare column means its latest value.
    pub(super) fn state_beside(&mut self, source: usize, of: &Dimension, what: &str) -> Option<NodeId> {
        let span = of.value.span;
        let place = match (of.bare_name(), self.lower_plain(&of.value)) {
            (Some(_), Lowered::Event(event)) => {
                let (source, of) = self.event_node(&event, span)?;
                (source, self.node(source, Op::Latest { of, ttl: None }, span)?)
            }
            (_, Lowered::Error) => return None,
            _ => self.need_state(&of.value, what)?,
        };
        let mut noted = Some(source);
        self.same_source(&mut noted, place.0, span).then_some(place.1)
    }

    /// `distinct(x)`.
    fn distinct(
        &mut self,
        name: &Name,
        of: &[Dimension],
        source: usize,
        functions: &[AggregateFunction],
    ) -> Option<AggregateFunction> {
        let [value] = of else {
            let message = "`distinct` counts the values of one state";
            let help = "name it: `distinct(user)`, or `distinct(latest(user) as viewer)`; each of several by itself";
            self.error(codes::ARGUMENTS, name.span, message, help);
            return None;
        };
        let own = self.dimension_name(value, &[])?;
        let of = self.state_beside(source, value, "`distinct`")?;
        let function = AggregateFunction::Distinct { name: own.clone(), of };
        if functions.iter().any(|known| *known != function && known.name() == function.name()) {
            let help =
                format!("name one of them with `as`: `distinct({} as other_{own})`", self.quote(value.value.span));
            self.error(
                codes::DIMENSION,
                value.value.span,
                format!("two functions are called `{}`", function.name()),
                help,
            );
            return None;
        }
        Some(function)
    }
}
