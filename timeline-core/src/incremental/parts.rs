//! What the files of operators are made of: all that a step, an effect or a number of theirs may need.

pub(crate) use super::apart::ApartPass;
pub(crate) use super::code::{
    Bool, ChoiceSlot, Instruction, Pass, Pulled, PulledOfThree, StateSlot, Written, put, write,
};
pub(crate) use super::compile::CompiledPlan;
pub(crate) use super::compiling::Compiling;
pub(crate) use super::derived::{AFTER_ALL, EventInput, EventPayload, Gathered, PassEvents};
pub(crate) use super::dictionary::Dictionary;
pub(crate) use super::effect::{Effect, EffectContext, EndEffect, GatherEffect, NoteEffect, UserEffect, keep, matches};
pub(crate) use super::expression::{ComparedTypes, order};
pub(crate) use super::mixed::Mixed;
pub(crate) use super::number::{NumberReader, before, linear, number_words, of_words, ratio, words};
pub(crate) use super::row::{ABSENT, CumulativePiece, NEVER, NOT_SINCE, Row, truth};
pub(crate) use super::window::piece_of;
pub(crate) use super::{value_of, word_of};
