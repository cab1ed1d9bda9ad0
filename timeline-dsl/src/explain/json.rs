//! The plan as one JSON object.

use super::facts::PlanFacts;
use super::outputs::{aggregate_text, end_text};
use crate::diagnostics::quoted;
use timeline_core::Plan;
use timeline_core::plan::{Beside, NodeId, Op, SourceDefinition, TimeUnit};

pub(super) fn text(plan: &Plan, facts: &PlanFacts) -> String {
    let end = end_text(plan, &plan.end);
    let end = if end.is_empty() { "null".to_owned() } else { quoted(&end) };
    let joined: Vec<String> = plan.joined.iter().map(|joined| source(joined, &end)).collect();
    let joined = if joined.is_empty() { String::new() } else { format!("\"joined\":[{}],", joined.join(",")) };
    let columns: Vec<String> = plan
        .columns
        .iter()
        .map(|c| {
            let (name, path) = (quoted(&c.name), quoted(&c.path.dotted()));
            let of = match plan.joined.is_empty() {
                true => String::new(),
                false => format!(",\"source\":{}", quoted(&plan.source_at(usize::from(c.source)).name)),
            };
            format!("{{\"name\":{name},\"path\":{path},\"type\":{}{of}}}", quoted(c.ty.name()))
        })
        .collect();
    let nodes: Vec<String> = plan.iter().map(|(id, _)| node(plan, facts, id)).collect();
    let metrics: Vec<String> = plan
        .metrics
        .iter()
        .map(|m| {
            let dimensions: Vec<String> = m.dimensions.iter().map(|d| quoted(d)).collect();
            let aggregate =
                m.aggregate.as_ref().map_or("null".to_owned(), |a| quoted(aggregate_text(a).trim_start_matches("| ")));
            format!(
                "{{\"name\":{},\"root\":\"{}\",\"dimensions\":[{}],\"aggregate\":{aggregate}{}}}",
                quoted(&m.name),
                m.root,
                dimensions.join(","),
                with(&m.with)
            )
        })
        .collect();
    let alerts: Vec<String> = plan
        .alerts
        .iter()
        .map(|a| format!("{{\"name\":{},\"root\":\"{}\"{}}}", quoted(&a.name), a.root, with(&a.with)))
        .collect();
    format!(
        "{{\"source\":{},{joined}\"columns\":[{}],\"session_bytes\":{},\"nodes\":[{}],\"metrics\":[{}],\"alerts\":[{}]}}\n",
        source(&plan.source, &end),
        columns.join(","),
        facts.session_bytes,
        nodes.join(","),
        metrics.join(","),
        alerts.join(",")
    )
}

/// What is shown beside rows, if anything is.
fn with(all: &[Beside]) -> String {
    if all.is_empty() {
        return String::new();
    }
    let column = |beside: &Beside| format!("{{\"name\":{},\"node\":\"{}\"}}", quoted(&beside.name), beside.of);
    format!(",\"with\":[{}]", all.iter().map(column).collect::<Vec<_>>().join(","))
}

fn source(source: &SourceDefinition, end: &str) -> String {
    let key: Vec<String> = source.key.iter().map(|k| quoted(&k.dotted())).collect();
    let order = source.order.as_ref().map_or("null".to_owned(), |(field, _)| quoted(&field.dotted()));
    format!(
        "{{\"name\":{},\"key\":[{}],\"time\":{},\"unit\":{},\"order\":{order},\"lateness_ns\":{},\"end\":{end}}}",
        quoted(&source.name),
        key.join(","),
        quoted(&source.time.dotted()),
        quoted(&unit_text(&source.time_unit)),
        source.lateness,
    )
}

/// The unit's word, or the whole of a form of its own.
fn unit_text(unit: &TimeUnit) -> String {
    match unit {
        TimeUnit::Format(_) => unit.to_string(),
        TimeUnit::Nanoseconds
        | TimeUnit::Microseconds
        | TimeUnit::Milliseconds
        | TimeUnit::Seconds
        | TimeUnit::Rfc3339 => unit.name().to_owned(),
    }
}

fn node(plan: &Plan, facts: &PlanFacts, id: NodeId) -> String {
    let about = facts.node(id);
    let node = plan.node(id);
    let module = match &node.op {
        Op::User { operator, .. } => format!(",\"module\":\"{}\"", operator.short_digest()),
        _ => String::new(),
    };
    let set_by = if about.timer { quoted(&super::timers::text(plan, id)) } else { "null".to_owned() };
    let name = plan.names.of(id).map_or("null".to_owned(), quoted);
    let inputs: Vec<String> = node.op.inputs().iter().map(|i| format!("\"{i}\"")).collect();
    format!(
        "{{\"id\":\"{id}\",\"name\":{name},\"operator\":{},\"text\":{},\"kind\":{},\"role\":{},\"memory\":{},\"timer\":{},\"timer_text\":{set_by},\"readers\":{},\
         \"bytes\":{},\"inputs\":[{}],\"fingerprint\":\"{}\"{module}}}",
        quoted(&about.label),
        quoted(&about.text),
        quoted(&about.kind),
        quoted(about.role),
        quoted(about.memory),
        about.timer,
        about.readers,
        about.bytes,
        inputs.join(","),
        node.fingerprint
    )
}
