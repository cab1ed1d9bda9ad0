//! What the files of operators are made of: all that a step, an effect or a number of theirs may need.

pub(crate) use super::code::{Bool, Code, Out, Pass, Pulled, PulledOfThree, State, Written, put, write};
pub(crate) use super::compile::Compiled;
pub(crate) use super::compiling::Compiling;
pub(crate) use super::derived::{AFTER_ALL, Gathered, Input, PassEvents, Sample};
pub(crate) use super::dictionary::Dictionary;
pub(crate) use super::effect::{Effect, End, Gather, Note, OfUser, Setting, keep, matches};
pub(crate) use super::expression::{Types, order};
pub(crate) use super::mixed::Mixed;
pub(crate) use super::number::{Reader, before, linear, number_words, of_words, ratio, words};
pub(crate) use super::rest::RestPass;
pub(crate) use super::row::{ABSENT, NEVER, NOT_SINCE, Piece, Row, truth};
pub(crate) use super::window::piece_of;
pub(crate) use super::{value_of, word_of};
