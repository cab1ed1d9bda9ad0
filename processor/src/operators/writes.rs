//! What of an instance a module may change, found in its code.
//!
//! A fresh instance for every event costs ten times what a small operator does. One may be used again where it can be made
//! fresh: where all that the code can change is known before it runs, and little. That is so of what a compiler makes of a
//! few variables: every store has an address that stands in the code, and nothing else is changed, no global, no table, no
//! size of a memory. Everything that is not plainly so is taken for not so.
//!
//! The operands of each function are followed as a validator does, so that no address is taken for another; the module
//! has been validated by then.

use wasmparser::{
    BlockType, ContType, FrameKind, FuncType, FunctionBody, ModuleArity, Operator, Parser, Payload, RefType, SubType,
};

/// The most bytes that are put back after an event.
const BYTES_MAX: usize = 4096;

/// How many operands a function takes, and how many it gives.
type Arity = (usize, usize);

/// From where to where in memory.
type MemoryRange = (u64, u64);

/// The places in memory that a module may write to; `None` where that is not known, or much, or where it may change anything
/// else.
pub(super) fn of(module: &[u8]) -> Option<Vec<MemoryRange>> {
    let mut places: Vec<MemoryRange> = vec![];
    let mut types: Vec<Arity> = vec![];
    let mut functions: Vec<Arity> = vec![];
    for payload in Parser::new(0).parse_all(module) {
        match payload.ok()? {
            // What it does costs fuel of the first event alone.
            Payload::StartSection { .. } => return None,
            Payload::TypeSection(all) => {
                for ty in all.into_iter_err_on_gc_types() {
                    let ty = ty.ok()?;
                    types.push((ty.params().len(), ty.results().len()));
                }
            }
            Payload::FunctionSection(all) => {
                for ty in all {
                    functions.push(*types.get(ty.ok()? as usize)?);
                }
            }
            Payload::CodeSectionEntry(body) => in_function(&body, &functions, &mut places)?,
            _ => {}
        }
    }
    places.sort_unstable();
    places.dedup();
    let bytes: u64 = places.iter().map(|(from, to)| to - from).sum();
    (bytes <= BYTES_MAX as u64).then_some(places)
}

/// A block of code that is open.
struct CodeBlock {
    /// How many operands lie below its own.
    height: usize,
    results: usize,
}

/// Operands as far as they are known: constants, and others.
struct Operands {
    known: Vec<Option<u32>>,
    blocks: Vec<CodeBlock>,
}

impl Operands {
    /// Takes the last one. In code that is never reached there may be none.
    fn pop(&mut self) -> Option<u32> {
        let height = self.blocks.last().map_or(0, |block| block.height);
        if self.known.len() > height { self.known.pop().flatten() } else { None }
    }

    fn push_unknown(&mut self, count: usize) {
        self.known.extend(std::iter::repeat_n(None, count));
    }

    fn open(&mut self, block: BlockType) -> Option<()> {
        let results = match block {
            BlockType::Empty => 0,
            BlockType::Type(_) => 1,
            BlockType::FuncType(_) => return None,
        };
        self.blocks.push(CodeBlock { height: self.known.len(), results });
        Some(())
    }

    /// What lies on top where a block ends.
    fn close(&mut self) {
        let Some(CodeBlock { height, results }) = self.blocks.pop() else { return };
        self.known.truncate(height);
        self.push_unknown(results);
    }
}

fn in_function(body: &FunctionBody<'_>, functions: &[Arity], places: &mut Vec<MemoryRange>) -> Option<()> {
    let mut operands = Operands { known: vec![], blocks: vec![] };
    for operator in body.get_operators_reader().ok()? {
        let operator = operator.ok()?;
        match &operator {
            Operator::I32Const { value } => operands.known.push(Some(value.cast_unsigned())),
            Operator::LocalTee { .. } => {
                let value = operands.pop();
                operands.known.push(value);
            }
            Operator::Block { blockty } | Operator::Loop { blockty } => operands.open(*blockty)?,
            Operator::If { blockty } => {
                operands.pop();
                operands.open(*blockty)?;
            }
            Operator::Else => {
                let block = operands.blocks.last()?;
                operands.known.truncate(block.height);
            }
            Operator::End => operands.close(),
            // What follows is never reached; what it is taken to leave is dropped where the block ends.
            Operator::Br { .. } | Operator::Return | Operator::Unreachable => {}
            Operator::BrIf { .. } => {
                operands.pop();
            }
            // What the function that is called may write is found in its own code; a module has no others, for it imports none.
            Operator::Call { function_index } => {
                let (takes, gives) = *functions.get(*function_index as usize)?;
                for _ in 0..takes {
                    operands.pop();
                }
                operands.push_unknown(gives);
            }
            store if let Some((bytes, offset)) = stored(store) => {
                operands.pop();
                let from = u64::from(operands.pop()?) + offset;
                places.push((from, from + bytes));
            }
            plain if is_plain(plain) => {
                let (takes, gives) = plain.operator_arity(&Nothing)?;
                for _ in 0..takes {
                    operands.pop();
                }
                operands.push_unknown(gives as usize);
            }
            _ => return None,
        }
    }
    Some(())
}

/// How many bytes an operator stores, and how far behind its address.
fn stored(operator: &Operator<'_>) -> Option<(u64, u64)> {
    use Operator as O;
    let (bytes, memarg) = match operator {
        O::I32Store8 { memarg } | O::I64Store8 { memarg } => (1, memarg),
        O::I32Store16 { memarg } | O::I64Store16 { memarg } => (2, memarg),
        O::I32Store { memarg } | O::F32Store { memarg } | O::I64Store32 { memarg } => (4, memarg),
        O::I64Store { memarg } | O::F64Store { memarg } => (8, memarg),
        _ => return None,
    };
    Some((bytes, memarg.offset))
}

/// Whether an operator does nothing but calculate, or read.
fn is_plain(operator: &Operator<'_>) -> bool {
    use Operator as O;
    let reads = matches!(
        operator,
        O::Nop
            | O::Drop
            | O::Select
            | O::LocalGet { .. }
            | O::LocalSet { .. }
            | O::GlobalGet { .. }
            | O::I64Const { .. }
            | O::F32Const { .. }
            | O::F64Const { .. }
            | O::I32Load { .. }
            | O::I64Load { .. }
            | O::F32Load { .. }
            | O::F64Load { .. }
            | O::I32Load8S { .. }
            | O::I32Load8U { .. }
            | O::I32Load16S { .. }
            | O::I32Load16U { .. }
            | O::I64Load8S { .. }
            | O::I64Load8U { .. }
            | O::I64Load16S { .. }
            | O::I64Load16U { .. }
            | O::I64Load32S { .. }
            | O::I64Load32U { .. }
    );
    reads || is_calculation(operator)
}

/// Whether an operator makes a number of one or two others.
fn is_calculation(operator: &Operator<'_>) -> bool {
    // They have no operands but those on the stack, so the name is all that is written.
    let name = format!("{operator:?}");
    let of_a_type = ["I32", "I64", "F32", "F64"].iter().any(|ty| name.starts_with(ty));
    of_a_type && name.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// The calculations ask a module for nothing.
struct Nothing;

impl ModuleArity for Nothing {
    fn sub_type_at(&self, _: u32) -> Option<&SubType> {
        None
    }

    fn tag_type_arity(&self, _: u32) -> Option<(u32, u32)> {
        None
    }

    fn type_index_of_function(&self, _: u32) -> Option<u32> {
        None
    }

    fn func_type_of_cont_type(&self, _: &ContType) -> Option<&FuncType> {
        None
    }

    fn sub_type_of_ref_type(&self, _: &RefType) -> Option<&SubType> {
        None
    }

    fn control_stack_height(&self) -> u32 {
        0
    }

    fn label_block(&self, _: u32) -> Option<(BlockType, FrameKind)> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::{MemoryRange, of};

    fn writes(body: &str) -> Option<Vec<MemoryRange>> {
        let text = format!(
            r#"(module (memory (export "memory") 1) (global $g (mut i32) (i32.const 0))
                (func $place (result i32) (i32.store (i32.const 40) (i32.const 7)) (i32.const 8)) (table 1 funcref)
                (func (export "apply") (param $t i64) (param $x f64) (result f64) (local $a i32) {body}))"#
        );
        of(&wat::parse_str(text).unwrap())
    }

    #[test]
    fn stores_to_addresses_in_the_code_are_known() {
        // Of a function that is called, or might be.
        let own = (40, 44);
        assert_eq!(writes("(drop (call $place)) (local.get $x)"), Some(vec![own]));
        let two = "(f64.store (i32.const 8) (local.get $x)) (i32.store8 offset=3 (i32.const 1) (i32.const 9)) (f64.load (i32.const 8))";
        assert_eq!(writes(two), Some(vec![(4, 5), (8, 16), own]));
        let nested = "(if (result f64) (f64.lt (local.get $x) (f64.const 0))
            (then (f64.store (i32.const 16) (f64.neg (local.get $x))) (f64.const 1))
            (else (i64.store32 (i32.const 0) (i64.const 5)) (f64.const 2)))";
        assert_eq!(writes(nested), Some(vec![(0, 4), (16, 24), own]));
        let tee = "(i32.store (local.tee $a (i32.const 32)) (i32.const 1)) (local.get $x)";
        assert_eq!(writes(tee), Some(vec![(32, 36), own]));
    }

    #[test]
    fn whatever_is_not_plainly_so_is_not_known() {
        for body in [
            "(f64.store (i32.trunc_f64_s (local.get $x)) (f64.const 1)) (f64.const 0)",
            "(f64.store (local.get $a) (f64.const 1)) (f64.const 0)",
            "(f64.store (i32.add (i32.const 1) (i32.const 2)) (f64.const 1)) (f64.const 0)",
            "(global.set $g (i32.const 1)) (f64.const 0)",
            "(f64.store (call $place) (f64.const 1)) (f64.const 0)",
            "(call_indirect (i32.const 0)) (f64.const 0)",
            "(drop (memory.grow (i32.const 1))) (f64.const 0)",
            "(memory.fill (i32.const 0) (i32.const 1) (i32.const 9)) (f64.const 0)",
            "(table.set (i32.const 0) (ref.null func)) (f64.const 0)",
            // The address is what one branch or the other leaves.
            "(f64.store (if (result i32) (local.get $a) (then (i32.const 0)) (else (i32.const 8))) (f64.const 1)) (f64.const 0)",
            "(f64.store (select (i32.const 0) (i32.const 8) (local.get $a)) (f64.const 1)) (f64.const 0)",
            // Never reached, and yet no address is taken for it.
            "(block (br 0) (f64.store) ) (f64.const 0)",
        ] {
            assert_eq!(writes(body), None, "{body}");
        }
        let start = "(module (memory (export \"memory\") 1) (func $s) (start $s))";
        assert_eq!(of(&wat::parse_str(start).unwrap()), None);
        let much: String = (0..600).map(|i| format!("(f64.store (i32.const {}) (f64.const 1))", i * 8)).collect();
        assert_eq!(writes(&format!("{much} (f64.const 0)")), None);
    }
}
