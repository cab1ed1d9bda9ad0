//! Modules of every temper: what is refused, what fails and how, and that nothing of it touches anybody else.

use super::runtime::operator;
use super::{MAX_MODULE_BYTES, Operators, carry};
use std::sync::Arc;
use timeline_core::incremental::{EvaluationOutput, Evaluator, Heap, PackedEvent, Row};
use timeline_core::plan::{OperatorFault, UserOperator};
use timeline_core::reference::{self, NodeTimeline, whole};
use timeline_core::{Field, Plan, Record, SECOND, Time, Type, Value};
use timeline_dsl::{Declared, ModuleProblem, ProgramText, compile_with};

const EWMA: &str = include_str!("../../../examples/user-operators/ewma.wat");

fn declared(result: Type, state_bytes: u32) -> Declared {
    Declared { name: "f".into(), parameters: vec![Type::Float], result, state_bytes, from: String::new() }
}

/// The operator of a module in the text format, for floats.
fn of_text(text: &str, result: Type, state_bytes: u32) -> Arc<UserOperator> {
    let bytes = wat::parse_str(text).expect("the text of a module");
    operator(&bytes, &declared(result, state_bytes)).expect("an operator")
}

/// A module whose `apply` has this body, with a memory of a page and its state at 0.
fn module(body: &str) -> String {
    format!(
        r#"(module (memory (export "memory") 1) (global (export "state") i32 (i32.const 0)) (global $g (mut i64) (i64.const 0))
           (func $deep (param i64) (result i64) (i64.add (i64.const 1) (call $deep (local.get 0))))
           (func (export "apply") (param $t i64) (param $x f64) (result f64) {body}))"#
    )
}

fn says(operator: &UserOperator, x: f64, state: &mut [u8]) -> Result<Option<Value>, OperatorFault> {
    operator.call(SECOND, vec![Value::Float(x)], state)
}

#[test]
fn the_example_is_its_text() {
    let built = include_bytes!("../../../examples/user-operators/ewma.wasm");
    assert!(wat::parse_str(EWMA).unwrap() == built, "build ewma.wasm from ewma.wat again");
}

#[test]
fn an_operator_keeps_its_state_and_nothing_else() {
    // It adds to its state, to a global and to other memory; only the state is there the next time.
    let adding = of_text(
        &module(
            "(global.set $g (i64.add (global.get $g) (i64.const 1)))
             (i64.store (i32.const 64) (i64.add (i64.load (i32.const 64)) (i64.const 1)))
             (f64.store (i32.const 0) (f64.add (f64.load (i32.const 0)) (local.get $x)))
             (f64.add (f64.load (i32.const 0))
               (f64.convert_i64_s (i64.mul (i64.const 1000) (i64.add (global.get $g) (i64.load (i32.const 64))))))",
        ),
        Type::Float,
        8,
    );
    let mut state = adding.code.initial().to_vec();
    for sum in [2.5, 5.0, 7.5] {
        assert_eq!(says(&adding, 2.5, &mut state), Ok(Some(Value::Float(2000.0 + sum))));
    }
    assert_eq!(state, 7.5f64.to_le_bytes());
    // A session's state may begin with what the module says.
    let begun = r#"(module (memory (export "memory") 1) (data (i32.const 8) "\00\00\00\00\00\00\f0\3f")
        (global (export "state") i32 (i32.const 8)) (func (export "apply") (param i64 f64) (result f64) (f64.load (i32.const 8))))"#;
    let begun = of_text(begun, Type::Float, 8);
    assert_eq!(says(&begun, 0.0, &mut begun.code.initial().to_vec()), Ok(Some(Value::Float(1.0))));
}

#[test]
fn an_instance_that_is_used_again_is_as_fresh_as_a_new_one() {
    // It counts in memory beside its state, and traps in the midst of that for what is below zero.
    let counting = of_text(
        &module(
            "(i64.store (i32.const 64) (i64.add (i64.load (i32.const 64)) (i64.const 1)))
             (if (f64.lt (local.get $x) (f64.const 0)) (then unreachable))
             (f64.store (i32.const 0) (f64.add (f64.load (i32.const 0)) (local.get $x)))
             (f64.add (f64.load (i32.const 0)) (f64.mul (f64.const 1000) (f64.convert_i64_s (i64.load (i32.const 64)))))",
        ),
        Type::Float,
        8,
    );
    let (mut one, mut other) = (counting.code.initial().to_vec(), counting.code.initial().to_vec());
    for round in 1..=50 {
        let sum = f64::from(round);
        assert_eq!(says(&counting, 1.0, &mut one), Ok(Some(Value::Float(1000.0 + sum))));
        assert_eq!(says(&counting, 2.0, &mut other), Ok(Some(Value::Float(1000.0 + 2.0 * sum))));
        assert_eq!(says(&counting, -1.0, &mut one.clone()), Err(OperatorFault::Trap));
    }
    // So it is among threads.
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let mut state = counting.code.initial().to_vec();
                for round in 1..=200 {
                    let said = says(&counting, 1.0, &mut state);
                    assert_eq!(said, Ok(Some(Value::Float(1000.0 + f64::from(round)))));
                }
            });
        }
    });
    // What loops for ever costs the same fuel in an instance that was used.
    let looping =
        of_text(&module("(loop $l (br_if $l (f64.gt (local.get $x) (f64.const 0)))) (local.get $x)"), Type::Float, 0);
    for _ in 0..3 {
        assert_eq!(says(&looping, -1.0, &mut []), Ok(Some(Value::Float(-1.0))));
        assert_eq!(says(&looping, 1.0, &mut []), Err(OperatorFault::Fuel));
    }
}

#[test]
fn what_a_module_does_wrong_ends_it_in_that_session_alike_each_time() {
    let bomb = "(loop $l (drop (memory.grow (i32.const 1))) (br $l)) (f64.const 0)";
    // No memory at all is as large, and this one has been given more before.
    let leap = "(drop (memory.grow (i32.const 1))) (drop (memory.grow (i32.const 65536))) (f64.const 0)";
    let fill = "(loop $l (memory.fill (i32.const 0) (i32.const 1) (i32.const 65536)) (br $l)) (f64.const 0)";
    for (body, fault) in [
        ("(loop $l (br $l)) (f64.const 0)", OperatorFault::Fuel),
        (fill, OperatorFault::Fuel),
        ("(f64.convert_i64_s (call $deep (local.get $t)))", OperatorFault::Stack),
        (bomb, OperatorFault::Memory),
        (leap, OperatorFault::Memory),
        ("unreachable", OperatorFault::Trap),
        ("(f64.load (i32.const 65536))", OperatorFault::Trap),
        ("(f64.convert_i64_s (i64.div_s (i64.const 1) (i64.const 0)))", OperatorFault::Trap),
        ("(f64.const inf)", OperatorFault::Result),
    ] {
        let hostile = of_text(&module(body), Type::Float, 8);
        let (mut first, mut again) = (vec![1; 8], vec![1; 8]);
        assert_eq!(says(&hostile, 1.0, &mut first), Err(fault), "{body}");
        assert_eq!(says(&hostile, 1.0, &mut again), Err(fault), "{body}");
        assert_eq!(first, again, "{body}");
    }
    // What a module foresees itself is no failure.
    let own = r#"(module (memory (export "memory") 1 2) (global (export "state") i32 (i32.const 0))
        (func (export "apply") (param i64 f64) (result f64) (f64.convert_i32_s (memory.grow (i32.const 2)))))"#;
    assert_eq!(says(&of_text(own, Type::Float, 8), 1.0, &mut [0; 8]), Ok(Some(Value::Float(-1.0))));
    // A truth value is 0, 1 or, for nothing, 2.
    let truth = |n: u32| {
        let text = format!(r#"(module (func (export "apply") (param i64 f64) (result i32) (i32.const {n})))"#);
        says(&of_text(&text, Type::Bool, 0), 1.0, &mut [])
    };
    assert_eq!([0, 1, 2].map(truth), [Ok(Some(Value::Bool(false))), Ok(Some(Value::Bool(true))), Ok(None)]);
    assert_eq!(truth(3), Err(OperatorFault::Result));
}

#[test]
fn a_nan_is_no_value_and_has_one_form() {
    // The payload of a NaN is not even kept in the state.
    let nan = of_text(
        &module(
            "(f64.store (i32.const 0) (f64.add (f64.const nan:0x123) (local.get $x)))
             (f64.div (f64.const 0) (f64.const 0))",
        ),
        Type::Float,
        8,
    );
    let mut state = vec![0; 8];
    assert_eq!(says(&nan, 1.0, &mut state), Ok(None));
    assert_eq!(state, 0x7ff8_0000_0000_0000u64.to_le_bytes());
}

#[test]
fn what_can_be_no_operator_is_refused_with_the_reason() {
    let refused = |text: &str, state_bytes| {
        let bytes = wat::parse_str(text).expect("the text of a module");
        let error = operator(&bytes, &declared(Type::Float, state_bytes)).expect_err("it is refused");
        (error.problem, error.message)
    };
    let apply = r#"(func (export "apply") (param i64 f64) (result f64) (f64.const 0))"#;
    let (problem, message) = refused(&format!(r#"(module (import "env" "clock" (func (result i64))) {apply})"#), 0);
    assert_eq!((problem, message.as_str()), (ModuleProblem::Unfit, "the module imports `env.clock`"));
    let wasi = format!(r#"(module (import "wasi_snapshot_preview1" "random_get" (func)) {apply})"#);
    assert!(refused(&wasi, 0).1.contains("wasi_snapshot_preview1.random_get"));
    let endless = format!(r#"(module (func $f (loop $l (br $l))) (start $f) {apply})"#);
    assert_eq!(refused(&endless, 0).1, "the module does not start: it used up its fuel");
    assert_eq!(refused(&format!(r#"(module (memory 100) {apply})"#), 0).0, ModuleProblem::Unfit);
    let outside =
        format!(r#"(module (memory (export "memory") 1) (global (export "state") i32 (i32.const 65532)) {apply})"#);
    assert!(refused(&outside, 8).1.contains("not all in the memory"));
    assert_eq!(refused("(module)", 0), (ModuleProblem::Signature, "the module exports no function `apply`".into()));
    let (problem, message) = refused(r#"(module (func (export "apply") (param f64) (result f64) (local.get 0)))"#, 0);
    assert_eq!(problem, ModuleProblem::Signature);
    assert_eq!(message, "`apply` is (f64) -> (f64), the declaration asks for (i64, f64) -> (f64)");
    assert!(refused(&format!("(module {apply})"), 8).1.contains("exports no `memory`"));
    assert!(refused(&format!(r#"(module (memory (export "memory") 1) {apply})"#), 8).1.contains("no global `state`"));

    let error = |bytes: &[u8]| operator(bytes, &declared(Type::Float, 0)).expect_err("it is refused");
    assert_eq!(error(b"no module").problem, ModuleProblem::Unfit);
    assert_eq!(error(&wat::parse_str(EWMA).unwrap()[..60]).problem, ModuleProblem::Unfit);
    let long = |drops: usize, functions: usize| {
        let function = format!("(func {})", "(drop (i32.const 0))".repeat(drops));
        error(&wat::parse_str(format!("(module {} {apply})", function.repeat(functions))).unwrap()).message
    };
    assert_eq!(long(6000, 1), "a function of a module has at most 16384 bytes, one here has 18002");
    assert_eq!(long(5000, 5), "the functions of a module have at most 65536 bytes, these have 75033");
    let huge = format!(r#"(module (memory 1) (data "{}") {apply})"#, "x".repeat(MAX_MODULE_BYTES));
    assert!(error(&wat::parse_str(huge).unwrap()).message.contains("at most 262144 bytes"));
}

#[test]
fn a_thousand_instances_leave_nothing_behind() {
    let ewma = of_text(EWMA, Type::Float, 16);
    let run = || {
        let mut state = ewma.code.initial().to_vec();
        for n in 0..1000 {
            let said = ewma.call(n * SECOND, vec![Value::Float((n % 7) as f64)], &mut state);
            assert!(matches!(said, Ok(Some(Value::Float(_)))), "{said:?}");
        }
        state
    };
    assert_eq!(run(), run());
}

const PROGRAM: &str = "source s { key k  time t in s  x: float, n: int }
operator ewma(x: float): float state 16 from \"ewma.wasm\"
operator brittle(x: float): float from \"brittle.wasm\"
metric a = ewma(x)
metric b = ewma(n)
metric c = brittle(x)
";

/// A folder with the modules of [`PROGRAM`], and the name of the program in it.
fn folder() -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("ewma.wasm"), wat::parse_str(EWMA).unwrap()).unwrap();
    // It does not like a 4.
    let brittle = r#"(module (func (export "apply") (param i64) (param f64) (result f64)
        (if (f64.eq (local.get 1) (f64.const 4)) (then unreachable)) (local.get 1)))"#;
    std::fs::write(folder.path().join("brittle.wasm"), wat::parse_str(brittle).unwrap()).unwrap();
    let name = folder.path().join("p.tl").to_str().unwrap().to_owned();
    (folder, name)
}

fn plan(name: &str, text: &str, operators: Operators) -> Plan {
    let program = ProgramText { name: name.into(), text: text.into(), ..ProgramText::default() };
    let mut found = compile_with(&[program], &operators);
    assert!(found.is_ok(), "{:?}", found.diagnostics);
    found.plans.remove(0)
}

#[test]
fn a_deployed_program_carries_its_modules() {
    let (folder, name) = folder();
    let local = plan(&name, PROGRAM, Operators::Local);
    let whole = carry(&name, PROGRAM).unwrap();
    assert_eq!(carry(&name, &whole).unwrap(), whole, "what is carried is carried");
    drop(folder);
    assert_eq!(plan("elsewhere", &whole, Operators::Deployed), local);
    assert!(carry(&name, PROGRAM).is_err());
    // A processor opens no file that a text names.
    let program = ProgramText { name, text: PROGRAM.into(), ..ProgramText::default() };
    let codes: Vec<&str> = compile_with(&[program], &Operators::Deployed).diagnostics.iter().map(|d| d.code).collect();
    assert_eq!(codes, ["TL0401", "TL0401"]);
}

#[test]
fn another_module_is_another_definition_and_another_name_is_not() {
    let (folder, name) = folder();
    let fingerprints = |text: &str| {
        let plan = plan(&name, text, Operators::Local);
        plan.metrics.iter().map(|m| plan.node(m.root).fingerprint).collect::<Vec<_>>()
    };
    let before = fingerprints(PROGRAM);
    assert_eq!(fingerprints(&PROGRAM.replace("ewma(", "smooth(")), before);
    let other = EWMA.replace("(f64.const 0.5)", "(f64.const 0.25)");
    std::fs::write(folder.path().join("ewma.wasm"), wat::parse_str(other).unwrap()).unwrap();
    let after = fingerprints(PROGRAM);
    assert!(after[0] != before[0] && after[1] != before[1] && after[2] == before[2]);
}

#[test]
fn both_evaluators_say_the_same_of_modules() {
    let (_folder, name) = folder();
    let plan = Arc::new(plan(&name, PROGRAM, Operators::Local));
    let column = |name: &str| plan.columns.iter().position(|c| c.name == name).unwrap();
    let (x, n) = (column("x"), column("n"));
    let log: Vec<reference::LogEvent> = (0..40)
        .map(|i: u64| {
            let mut fields = vec![Field::Missing; plan.columns.len()];
            if i % 3 != 2 {
                fields[x] = if i % 7 == 6 { Field::Null } else { Field::Value(Value::Float((i * i % 23) as f64)) };
            }
            if i.is_multiple_of(2) {
                fields[n] = Field::Value(Value::Int(i as i64));
            }
            // Two events at an instant now and then.
            let time = (i - u64::from(i % 5 == 4)) as Time * SECOND;
            reference::LogEvent {
                key: "k".into(),
                record: Record { time, source: 0, order: None, position: i, fields },
            }
        })
        .collect();
    let run = reference::run(&plan, &log, None);
    let wholes = whole(&plan, &run.sessions[0].1);

    let mut evaluator = Evaluator::new(Arc::clone(&plan));
    let (mut words, mut heap, mut alerts, mut packed) =
        (vec![0; evaluator.row_words()], Heap::default(), vec![], vec![]);
    let mut row = Row { words: &mut words, heap: &mut heap };
    evaluator.begin(&mut row, log[0].record.time);
    let mut failed = 0;
    for (i, event) in log.iter().enumerate() {
        let time = event.record.time;
        let (present, nulls) = evaluator.pack(&event.record, &mut packed);
        let told = &mut EvaluationOutput { alerts: &mut alerts, windows: None, matches: None, observer: &mut () };
        evaluator.event(&mut row, &PackedEvent { time, present, nulls, words: &packed }, told);
        failed += evaluator.take_failures().len();
        if log.get(i + 1).is_some_and(|next| next.record.time == time) {
            continue;
        }
        evaluator.settle(&mut row, told);
        for metric in &plan.metrics {
            let NodeTimeline::State(wanted) = &wholes[metric.root.index()] else {
                panic!("{} is a state", metric.name)
            };
            assert_eq!(evaluator.view(&row).state(metric.root), wanted.at(time), "{} at {time}", metric.name);
        }
    }
    assert_eq!(failed, 1, "the brittle one fails once, and only the first failure is told");
}
