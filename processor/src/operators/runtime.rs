//! Modules run by wasmtime; the only place that names it.
//!
//! **A fresh instance for every event.** What a module keeps in its memory and globals is gone after the event, but for the
//! bytes at `state`, which are put there before it and taken from there after it. So `apply` is a function of its
//! arguments and the state by construction, whatever a module does, and sessions cannot meet in a shared memory. One
//! instance for all events would be wrong for every module that forgets to clean up; but where all that the code can
//! change is known ([`writes`]), an instance is made fresh by putting that back, which costs a tenth of making one.
//! One whose event ended otherwise than by returning is never used again.
//!
//! **Fuel alone decides.** An instruction costs 1, and one that touches many bytes at once 1 for each of them besides, so an
//! event ends after a bounded time without any clock; the same fuel is used in every replay. An epoch deadline would make
//! a slow machine answer otherwise than a fast one, so there is none.
//!
//! **The machine decides nothing.** Limits of memory are counted, not met; a machine that cannot give what the limits allow
//! stops the worker, as it does wherever memory is missing, and is no failure of the operator.
//!
//! **Nothing else comes in.** A module with an import is refused, NaNs are canonical, vectors with relaxed semantics, threads
//! and 64-bit memories are off. The stack is limited to [`STACK_BYTES`] of machine code's frames: how deep that is depends
//! on the build, the same for every replay with it.

use super::{MAX_MODULE_BYTES, code, too_large, unfit, writes};
use std::collections::{BTreeMap, TryReserveError};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use timeline_core::plan::{Operate, OperatorFault, UserOperator};
use timeline_core::{Time, Type, Value};
use timeline_dsl::{Declared, ModuleError, ModuleProblem};
use wasmtime::{
    Config, Engine, ExternType, Func, InstancePre, Linker, Memory, Module, OutOfMemory, ResourceLimiter, Store, Trap,
    Val, ValType,
};

/// What an event may cost: an instruction is 1.
const FUEL: u64 = 2_000_000;
/// The most memory of an instance: 2 MiB.
const MEMORY_BYTES: usize = 2 << 20;
/// The most stack of a call.
const STACK_BYTES: usize = 256 << 10;
/// The most elements of a table.
const TABLE_ELEMENTS: usize = 4096;
/// The most tables.
const TABLES: usize = 4;
/// So many compiled modules are kept for those who compile a program again.
const KEPT: usize = 64;

/// What a module is compiled for, with its digest.
type ModuleKey = ([u8; 32], Vec<Type>, Type, u32);

/// A compiled module.
struct Runner {
    module: InstancePre<InstanceLimits>,
    initial: Vec<u8>,
    result: Type,
    /// What makes an instance fresh that was used, if anything does: places in memory and what stands there at first.
    fresh: Option<Vec<(usize, Vec<u8>)>>,
    /// Instances that are fresh, at most one for each lane.
    idle: Mutex<Vec<ModuleInstance>>,
}

/// An instance, with what is asked of it for every event.
struct ModuleInstance {
    store: Store<InstanceLimits>,
    apply: Func,
    memory: Option<Memory>,
    /// Where the state is.
    at: usize,
}

pub(super) fn operator(bytes: &[u8], declared: &Declared) -> Result<Arc<UserOperator>, ModuleError> {
    static COMPILED: Mutex<BTreeMap<ModuleKey, Arc<Runner>>> = Mutex::new(BTreeMap::new());
    if bytes.len() > MAX_MODULE_BYTES {
        return Err(too_large(bytes.len() as u64));
    }
    let digest = *blake3::hash(bytes).as_bytes();
    let key = (digest, declared.parameters.clone(), declared.result, declared.state_bytes);
    let known = COMPILED.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
    let code = match known {
        Some(known) => known,
        None => {
            let new = Arc::new(Runner::new(bytes, declared)?);
            let mut compiled = COMPILED.lock().unwrap_or_else(PoisonError::into_inner);
            if compiled.len() >= KEPT {
                compiled.clear();
            }
            compiled.insert(key, Arc::clone(&new));
            new
        }
    };
    Ok(Arc::new(UserOperator {
        name: declared.name.clone(),
        module: digest,
        parameters: declared.parameters.clone(),
        result: declared.result,
        state_bytes: declared.state_bytes,
        code,
    }))
}

fn engine() -> &'static Engine {
    static ENGINE: OnceLock<Engine> = OnceLock::new();
    ENGINE.get_or_init(|| {
        let mut config = Config::new();
        config
            .consume_fuel(true)
            .cranelift_nan_canonicalization(true)
            .max_wasm_stack(STACK_BYTES)
            .wasm_simd(false)
            .wasm_relaxed_simd(false)
            .wasm_memory64(false)
            .wasm_multi_memory(false)
            // Small memories that live for one event: reserving address space for each would cost more than the checks.
            .signals_based_traps(false)
            .memory_reservation(0)
            .memory_guard_size(0)
            .memory_reservation_for_growth(0)
            .memory_init_cow(false);
        Engine::new(&config).expect("the configuration fits the machine for which this was built")
    })
}

/// How every module begins.
const MAGIC: &[u8] = b"\0asm";

impl Runner {
    fn new(bytes: &[u8], declared: &Declared) -> Result<Self, ModuleError> {
        if !bytes.starts_with(MAGIC) {
            return Err(unfit(
                "this is no WebAssembly module: it does not begin with `\\0asm`",
                "build a core module (`.wasm`); `wat2wasm` makes one of the text format",
            ));
        }
        check_code(bytes)?;
        let module = Module::from_binary(engine(), bytes).map_err(|e| {
            unfit(
                format!("this is no WebAssembly module that can be run: {}", root(&e)),
                "build a core module (`.wasm`)",
            )
        })?;
        if let Some(import) = module.imports().next() {
            let message = format!("the module imports `{}.{}`", import.module(), import.name());
            return Err(unfit(message, "an operator has no imports: no clock, no chance, no files, no WASI"));
        }
        check_exports(&module, declared)?;
        let module = Linker::new(engine())
            .instantiate_pre(&module)
            .map_err(|e| unfit(root(&e), "see docs/user-operators.md"))?;
        let initial = vec![0; declared.state_bytes as usize];
        let mut runner = Runner { module, initial, result: declared.result, fresh: None, idle: Mutex::default() };
        runner.initial = runner.first_state()?;
        runner.fresh = runner.freshness(bytes);
        Ok(runner)
    }

    /// What stands at `state` in an instance that has seen nothing.
    fn first_state(&self) -> Result<Vec<u8>, ModuleError> {
        let mut store = store();
        let instance = self.module.instantiate(&mut store).map_err(|e| {
            unfit(
                format!("the module does not start: {}", fault(&e)),
                "it has 2 MiB of memory, and its start function the fuel of one event",
            )
        })?;
        if self.initial.is_empty() {
            return Ok(vec![]);
        }
        let (memory, at) = state_place(&instance, &mut store)
            .ok_or_else(|| unfit("`state` is no place", "see docs/user-operators.md"))?;
        let mut initial = self.initial.clone();
        memory.read(&store, at, &mut initial).map_err(|_| {
            unfit(
                format!("the {} bytes at `state` ({at}) are not all in the memory", initial.len()),
                "make `state` the address of so many bytes",
            )
        })?;
        Ok(initial)
    }

    /// What makes an instance fresh again, where all that the code can change is known.
    fn freshness(&self, bytes: &[u8]) -> Option<Vec<(usize, Vec<u8>)>> {
        let places = writes::of(bytes)?;
        if places.is_empty() {
            return Some(vec![]);
        }
        let live = self.live().ok()?;
        let memory = live.memory?;
        let first = |(from, to): &(u64, u64)| {
            let (from, to) = (usize::try_from(*from).ok()?, usize::try_from(*to).ok()?);
            // What lies outside is a trap, after which no instance is used again.
            Some((from, memory.data(&live.store).get(from..to)?.to_vec()))
        };
        Some(places.iter().filter_map(first).collect())
    }

    fn live(&self) -> Result<ModuleInstance, wasmtime::Error> {
        let mut store = store();
        let instance = self.module.instantiate(&mut store)?;
        let place = if self.initial.is_empty() { None } else { state_place(&instance, &mut store) };
        let memory = place.map(|(memory, _)| memory).or_else(|| instance.get_memory(&mut store, "memory"));
        let apply = instance.get_func(&mut store, "apply").expect("the exports were checked");
        Ok(ModuleInstance { store, apply, memory, at: place.map_or(0, |(_, at)| at) })
    }

    fn run(&self, time: Time, arguments: &[Value], state: &mut [u8]) -> Result<Val, wasmtime::Error> {
        let idle = || self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let used = self.fresh.as_ref().and_then(|_| idle().pop());
        let mut live = match used {
            Some(mut live) => {
                live.store.set_fuel(FUEL)?;
                live
            }
            None => self.live()?,
        };
        let ModuleInstance { store, apply, memory, at } = &mut live;
        let place = memory.filter(|_| !state.is_empty());
        if let Some(memory) = place {
            memory.write(&mut *store, *at, state)?;
        }
        let mut values = vec![Val::I64(time)];
        values.extend(arguments.iter().map(|argument| match argument {
            Value::Float(x) => Val::F64(x.to_bits()),
            Value::Int(x) => Val::I64(*x),
            Value::Bool(x) => Val::I32(i32::from(*x)),
            Value::Str(_) => unreachable!("no user operator takes texts"),
        }));
        let mut result = [Val::I32(0)];
        apply.call(&mut *store, &values, &mut result)?;
        if let Some(memory) = place {
            memory.read(&*store, *at, state)?;
        }
        if let Some(fresh) = &self.fresh {
            for (from, bytes) in fresh {
                memory.expect("there is one that is written to").write(&mut *store, *from, bytes)?;
            }
            if let Some(memory) = place {
                memory.write(&mut *store, *at, &self.initial)?;
            }
            idle().push(live);
        }
        let [result] = result;
        Ok(result)
    }
}

impl Operate for Runner {
    fn initial(&self) -> &[u8] {
        &self.initial
    }

    fn apply(&self, time: Time, arguments: &[Value], state: &mut [u8]) -> Result<Option<Value>, OperatorFault> {
        let result = self.run(time, arguments, state).map_err(|error| fault(&error))?;
        match (self.result, result) {
            (Type::Float, Val::F64(bits)) => Ok(Some(Value::Float(f64::from_bits(bits)))),
            (Type::Int, Val::I64(x)) => Ok(Some(Value::Int(x))),
            (Type::Bool, Val::I32(x @ (0 | 1))) => Ok(Some(Value::Bool(x == 1))),
            (Type::Bool, Val::I32(2)) => Ok(None),
            _ => Err(OperatorFault::Result),
        }
    }
}

impl std::fmt::Debug for Runner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Runner").field("initial", &self.initial).field("result", &self.result).finish_non_exhaustive()
    }
}

/// What an instance may have.
struct InstanceLimits;

impl InstanceLimits {
    /// `Ok(false)` is what the module itself foresees: its own maximum.
    fn grow(desired: usize, own: Option<usize>, most: usize) -> wasmtime::Result<bool> {
        match desired {
            _ if own.is_some_and(|own| own <= most && desired > own) => Ok(false),
            _ if desired > most => Err(wasmtime::Error::msg("it asked for more than it may have")),
            _ => Ok(true),
        }
    }
}

impl ResourceLimiter for InstanceLimits {
    fn memory_growing(&mut self, _: usize, desired: usize, own: Option<usize>) -> wasmtime::Result<bool> {
        InstanceLimits::grow(desired, own, MEMORY_BYTES)
    }

    fn memory_grow_failed(&mut self, error: wasmtime::Error) -> wasmtime::Result<()> {
        Err(error)
    }

    fn table_growing(&mut self, _: usize, desired: usize, own: Option<usize>) -> wasmtime::Result<bool> {
        InstanceLimits::grow(desired, own, TABLE_ELEMENTS)
    }

    fn table_grow_failed(&mut self, error: wasmtime::Error) -> wasmtime::Result<()> {
        Err(error)
    }

    fn instances(&self) -> usize {
        1
    }

    fn memories(&self) -> usize {
        1
    }

    fn tables(&self) -> usize {
        TABLES
    }
}

fn store() -> Store<InstanceLimits> {
    let mut store = Store::new(engine(), InstanceLimits);
    store.limiter(|limits| limits);
    store.set_fuel(FUEL).expect("the engine counts fuel");
    store
}

fn state_place(instance: &wasmtime::Instance, store: &mut Store<InstanceLimits>) -> Option<(Memory, usize)> {
    let memory = instance.get_memory(&mut *store, "memory")?;
    let at = instance.get_global(&mut *store, "state")?.get(&mut *store).i32()?;
    Some((memory, at as u32 as usize))
}

/// Refuses a module that would take long to compile.
fn check_code(bytes: &[u8]) -> Result<(), ModuleError> {
    let (largest, all) = code::sizes(bytes).unwrap_or_default();
    let help = "optimise it for size (`-C opt-level=s`), and leave out what it does not need";
    match (largest > code::MAX_FUNCTION_BYTES, all > code::MAX_CODE_BYTES) {
        (true, _) => {
            let most = code::MAX_FUNCTION_BYTES;
            Err(unfit(format!("a function of a module has at most {most} bytes, one here has {largest}"), help))
        }
        (_, true) => {
            let most = code::MAX_CODE_BYTES;
            Err(unfit(format!("the functions of a module have at most {most} bytes, these have {all}"), help))
        }
        _ => Ok(()),
    }
}

/// Refuses a module whose exports are not those that the declaration asks for.
fn check_exports(module: &Module, declared: &Declared) -> Result<(), ModuleError> {
    let refuse = |message: String| ModuleError {
        problem: ModuleProblem::Signature,
        message,
        help: "what a module exports is in docs/user-operators.md; declaration and module must agree".into(),
    };
    let Some(ExternType::Func(apply)) = module.get_export("apply") else {
        return Err(refuse("the module exports no function `apply`".into()));
    };
    let parameters: Vec<&str> =
        std::iter::once("i64").chain(declared.parameters.iter().map(|ty| value_type(*ty))).collect();
    let wanted = (parameters, vec![value_type(declared.result)]);
    let found = (
        apply.params().map(|ty| name(&ty)).collect::<Vec<_>>(),
        apply.results().map(|ty| name(&ty)).collect::<Vec<_>>(),
    );
    if wanted != found {
        let form = |(a, b): &(Vec<&str>, Vec<&str>)| format!("({}) -> ({})", a.join(", "), b.join(", "));
        return Err(refuse(format!("`apply` is {}, the declaration asks for {}", form(&found), form(&wanted))));
    }
    if declared.state_bytes > 0 {
        if !matches!(module.get_export("memory"), Some(ExternType::Memory(_))) {
            return Err(refuse("the module exports no `memory`, in which its state could be".into()));
        }
        let is_address = |export| matches!(export, Some(ExternType::Global(g)) if name(g.content()) == "i32");
        if !is_address(module.get_export("state")) {
            return Err(refuse("the module exports no global `state` of type i32, the address of its state".into()));
        }
    }
    Ok(())
}

fn value_type(ty: Type) -> &'static str {
    match ty {
        Type::Float => "f64",
        Type::Int => "i64",
        Type::Bool => "i32",
        Type::String => "text",
    }
}

fn name(ty: &ValType) -> &'static str {
    match ty {
        ValType::I32 => "i32",
        ValType::I64 => "i64",
        ValType::F32 => "f32",
        ValType::F64 => "f64",
        _ => "another type",
    }
}

/// What ended a call.
fn fault(error: &wasmtime::Error) -> OperatorFault {
    match error.downcast_ref::<Trap>() {
        Some(Trap::OutOfFuel) => OperatorFault::Fuel,
        Some(Trap::StackOverflow) => OperatorFault::Stack,
        Some(_) => OperatorFault::Trap,
        None => {
            let missing = |e: &(dyn std::error::Error + 'static)| e.is::<OutOfMemory>() || e.is::<TryReserveError>();
            assert!(!error.chain().any(missing), "an operator cannot have the memory that it may: {error:#}");
            // The only other end is a limit of the store.
            OperatorFault::Memory
        }
    }
}

/// What is at the bottom of an error, on one line.
fn root(error: &wasmtime::Error) -> String {
    error.root_cause().to_string().split_whitespace().collect::<Vec<_>>().join(" ")
}
