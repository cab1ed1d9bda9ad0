//! Structural identity of nodes: 128 bits that are the same in every program, build and machine.
//!
//! FNV-1a with 128 bits over a prefix-free text of the operator and the fingerprints of its inputs.
//! Columns count by source, path and type, not by their number, so that programs with other columns agree.

use super::expression::EventExpr;
use super::op::Op;
use super::source::Column;
use std::fmt::{self, Write};

/// The meaning of a node, as a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Fingerprint(pub u128);

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

struct Fnv(u128);

impl Write for Fnv {
    fn write_str(&mut self, s: &str) -> fmt::Result {
        for byte in s.bytes() {
            self.0 = (self.0 ^ u128::from(byte)).wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013b);
        }
        Ok(())
    }
}

impl Fingerprint {
    /// The fingerprint of a text, for whatever else needs one.
    pub fn of_text(text: &str) -> Self {
        let mut fnv = Fnv(0x6c62_272e_07bb_0142_62b8_2175_6295_c58d);
        fnv.write_str(text).expect("hashing never fails");
        Fingerprint(fnv.0)
    }
}

pub(super) fn of(op: &Op, columns: &[Column], input: impl Fn(super::NodeId) -> Fingerprint) -> Fingerprint {
    let mut text = String::new();
    let out = &mut text;
    // Every variable part is quoted (`{:?}`) or a number between separators: no two operators share a text.
    match op {
        Op::Event(e) => {
            out.push_str("event ");
            expression(e, columns, out);
        }
        Op::Constant(v) => put(out, format_args!("constant {v:?}")),
        Op::Latest { ttl, .. } => put(out, format_args!("latest {ttl:?}")),
        Op::HasExisted { .. } => out.push_str("has_existed"),
        Op::HasExistedWithin { window, .. } => put(out, format_args!("has_existed_within {window}")),
        Op::HeldFor { length, .. } => put(out, format_args!("held_for {length}")),
        Op::DurationWhere { .. } => out.push_str("duration_where"),
        Op::DurationInCurState { .. } => out.push_str("duration_in_cur_state"),
        Op::CompareStates { compare, .. } => put(out, format_args!("states {}", compare.symbol())),
        Op::CompareNumbers { compare, .. } => put(out, format_args!("numbers {}", compare.symbol())),
        Op::Not(_) => out.push_str("not"),
        Op::And(..) => out.push_str("and"),
        Op::Or(..) => out.push_str("or"),
        Op::NumberOf(_) => out.push_str("number_of"),
        Op::DurationOf(_) => out.push_str("duration_of"),
        Op::ConstantNumber { numerator, denominator, unit } => {
            put(out, format_args!("number {numerator} {denominator} {unit:?}"));
        }
        Op::Add(..) => out.push_str("add"),
        Op::Sub(..) => out.push_str("sub"),
        Op::Scale { factor, .. } => put(out, format_args!("scale {factor}")),
        Op::Ratio { .. } => out.push_str("ratio"),
        Op::Longest { .. } => out.push_str("longest"),
        Op::DurationOfPreviousState { .. } => out.push_str("duration_of_previous_state"),
        Op::Integral { .. } => out.push_str("integral"),
        Op::If { .. } => out.push_str("if"),
        Op::Coalesce(..) => out.push_str("coalesce"),
        Op::Mul(..) => out.push_str("mul"),
        Op::Exists(_) => out.push_str("exists"),
        Op::Apply { function, .. } => put(out, format_args!("apply {}", function.name())),
        Op::Either(..) => out.push_str("either"),
        Op::Scope { .. } => out.push_str("scope"),
        Op::OverLast { window, .. } => put(out, format_args!("over_last {window}")),
        Op::Rise { .. } => out.push_str("rise"),
        Op::Fall { .. } => out.push_str("fall"),
        Op::Changes { .. } => out.push_str("changes"),
        Op::At { .. } => out.push_str("at"),
        Op::Each { value, .. } => {
            out.push_str("each ");
            expression(value, columns, out);
        }
        Op::Filter { condition, .. } => {
            out.push_str("filter ");
            expression(condition, columns, out);
        }
        Op::FollowedBy { window, .. } => put(out, format_args!("followed_by {window}")),
        Op::NotFollowedBy { window, .. } => put(out, format_args!("not_followed_by {window}")),
        Op::Count { .. } => out.push_str("count"),
        Op::CountWithin { window, .. } => put(out, format_args!("count_within {window}")),
        Op::First { .. } => out.push_str("first"),
        Op::Previous { n, .. } => put(out, format_args!("previous {n}")),
        Op::IsNew { cap, .. } => put(out, format_args!("is_new {cap}")),
        Op::Sum { .. } => out.push_str("sum"),
        Op::Min { .. } => out.push_str("min"),
        Op::Max { .. } => out.push_str("max"),
        Op::TimeSince { .. } => out.push_str("time_since"),
        Op::Concurrency { cap, .. } => put(out, format_args!("concurrency {cap}")),
        Op::Every { length } => put(out, format_args!("every {length}")),
        Op::Split { cap, .. } => put(out, format_args!("split {cap}")),
        Op::User { operator, .. } => {
            let super::UserOperator { module, parameters, result, state_bytes, .. } = &**operator;
            put(out, format_args!("user {module:02x?} {parameters:?} {result} {state_bytes}"));
        }
    }
    for fingerprint in op.inputs().into_iter().map(input) {
        put(out, format_args!(" {fingerprint}"));
    }
    Fingerprint::of_text(out)
}

fn put(out: &mut String, arguments: fmt::Arguments<'_>) {
    out.write_fmt(arguments).expect("writing to a string never fails");
}

fn expression(e: &EventExpr, columns: &[Column], out: &mut String) {
    match e {
        EventExpr::Column(c) => {
            let Column { path, ty, source, nulls, .. } = &columns[c.index()];
            match source {
                0 => put(out, format_args!("(column {:?} {ty}", path.0)),
                joined => put(out, format_args!("(column {:?} {ty} of {joined}", path.0)),
            }
            if !nulls.are_usual() {
                put(out, format_args!(" nulls {} {:?}", nulls.missing, nulls.words));
            }
            out.push(')');
        }
        EventExpr::Constant(v) => put(out, format_args!("{v:?}")),
        EventExpr::Sample(n) => put(out, format_args!("(sample {n})")),
        EventExpr::Compare(compare, a, b) => pair(compare.symbol(), a, b, columns, out),
        EventExpr::And(a, b) => pair("and", a, b, columns, out),
        EventExpr::Or(a, b) => pair("or", a, b, columns, out),
        EventExpr::Call(function, all) => {
            put(out, format_args!("(call {}", function.name()));
            for a in all {
                out.push(' ');
                expression(a, columns, out);
            }
            out.push(')');
        }
        EventExpr::Not(a) => {
            out.push_str("(not ");
            expression(a, columns, out);
            out.push(')');
        }
    }
}

fn pair(name: &str, a: &EventExpr, b: &EventExpr, columns: &[Column], out: &mut String) {
    put(out, format_args!("({name} "));
    expression(a, columns, out);
    out.push(' ');
    expression(b, columns, out);
    out.push(')');
}
