//! User operators: their declarations, and calls of them.

use super::Lowering;
use super::value::Lowered;
use crate::diagnostics::codes;
use crate::modules::{Declared, ModuleProblem};
use crate::names::own_name;
use crate::syntax::{Name, OperatorItem, Span, SyntaxArgument};
use std::sync::Arc;
use timeline_core::plan::{MAX_PARAMETERS, MAX_STATE_BYTES, Op, TimelineKind, UserOperator};

/// What is known of a declared operator.
#[derive(Clone)]
pub(super) struct KnownOperator {
    span: Span,
    /// Nothing if its declaration or its module is at fault, which is said.
    operator: Option<Arc<UserOperator>>,
}

impl Lowering<'_> {
    pub(super) fn declare_operator(&mut self, item: &OperatorItem) {
        let name = &item.name;
        if let Some(known) = self.operators.get(&name.text) {
            let d = self
                .diagnostic(codes::DUPLICATE, name.span, format!("an operator `{}` is declared already", name.text))
                .note(self.file, known.span.range(), "declared here")
                .help("choose another name");
            self.say(d);
            return;
        }
        if own_name(&name.text).is_some() {
            let message = format!("`{}` is an operator of the language", name.text);
            self.error(codes::DUPLICATE, name.span, message, "choose another name");
            return;
        }
        let operator = self.operator(item);
        self.operators.insert(name.text.clone(), KnownOperator { span: name.span, operator });
    }

    fn operator(&mut self, item: &OperatorItem) -> Option<Arc<UserOperator>> {
        if item.parameters.is_empty() || item.parameters.len() > MAX_PARAMETERS {
            let message = format!("a user operator has 1 to {MAX_PARAMETERS} arguments");
            self.error(codes::ARGUMENTS, item.name.span, message, "it reads the values of an event");
            return None;
        }
        let state_bytes = item.state.map_or(0, |(bytes, _)| bytes);
        if let Some((_, span)) = item.state.filter(|(bytes, _)| *bytes > MAX_STATE_BYTES) {
            let message = format!("a user operator keeps at most {MAX_STATE_BYTES} bytes for a session");
            self.error(codes::RANGE, span, message, "keep a summary of the events instead of the events");
            return None;
        }
        let declared = Declared {
            name: item.name.text.clone(),
            parameters: item.parameters.iter().map(|(_, (ty, _))| *ty).collect::<Option<_>>()?,
            result: item.result.0?,
            state_bytes,
            from: item.from.clone(),
        };
        match self.modules.operator(&self.programs[self.file].name, &declared) {
            Ok(operator) => Some(operator),
            Err(error) => {
                let (code, span) = match error.problem {
                    ModuleProblem::Unreadable => (codes::MODULE_UNREADABLE, item.from_span),
                    ModuleProblem::Unfit => (codes::MODULE_UNFIT, item.from_span),
                    ModuleProblem::Signature => (codes::MODULE_SIGNATURE, item.from_span),
                    ModuleProblem::Unsupported => (codes::NO_MODULES, item.name.span),
                };
                self.error(code, span, error.message, error.help);
                None
            }
        }
    }

    /// The call of a user operator; nothing if none has the name.
    pub(super) fn user_call(&mut self, span: Span, name: &Name, arguments: &[SyntaxArgument]) -> Option<Lowered> {
        let known = self.operators.get(&name.text)?.clone();
        Some(self.call_known(span, name, arguments, &known).unwrap_or(Lowered::Error))
    }

    fn call_known(
        &mut self,
        span: Span,
        name: &Name,
        arguments: &[SyntaxArgument],
        known: &KnownOperator,
    ) -> Option<Lowered> {
        let places: Vec<_> = arguments.iter().map(|a| self.need_event(&a.value, &name.text)).collect();
        let places = places.into_iter().collect::<Option<Vec<_>>>()?;
        let operator = known.operator.as_ref()?;
        let named = arguments.iter().find_map(|a| a.word.as_ref());
        if named.is_some() || places.len() != operator.parameters.len() {
            let wanted = operator.parameters.iter().map(|ty| format!("event<{ty}>")).collect::<Vec<_>>().join(", ");
            let d = self
                .diagnostic(codes::ARGUMENTS, span, format!("`{}` does not take these arguments", name.text))
                .note(self.file, known.span.range(), "declared here")
                .help(format!("write `{}({wanted})`", name.text));
            self.say(d);
            return None;
        }
        for (n, ((source, id), argument)) in places.iter().zip(arguments).enumerate() {
            if *source != places[0].0 {
                let message = format!("the arguments of `{}` are of different sources", name.text);
                self.error(codes::SOURCES, argument.value.span, message, "it reads the values of one event");
                return None;
            }
            if !matches!(self.op(*source, *id), Op::Event(_)) {
                let message = format!("`{}` reads events of records, this is made of timelines", name.text);
                let help = "a user operator sees columns, and expressions over the columns of one event";
                self.error(codes::NEEDS_EVENT, argument.value.span, message, help);
                return None;
            }
            let kind = self.kind(*source, *id);
            if !matches!(kind, TimelineKind::Event(ty) if operator.takes(n, ty)) {
                let wanted = TimelineKind::Event(operator.parameters[n]);
                let d = self
                    .diagnostic(
                        codes::TYPE,
                        argument.value.span,
                        format!("`{}` reads {wanted}, this is {kind}", name.text),
                    )
                    .label(format!("expected {wanted}, found {kind}"))
                    .note(self.file, known.span.range(), "declared here")
                    .help("declare the operator for values of this type, or give it others");
                self.say(d);
                return None;
            }
        }
        let of = places.iter().map(|(_, id)| *id).collect();
        Some(self.add(places[0].0, Op::User { operator: Arc::clone(operator), of }, span))
    }
}
