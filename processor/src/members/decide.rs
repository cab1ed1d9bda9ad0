//! What to do about one partition. Facts in, decision out; the claim itself is a swap that fails if the facts were wrong.

use super::liveness::MemberLiveness;
use super::member_of;
use crate::checkpoint::{Holder, Owner};

/// How a partition may change hands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sharing {
    /// Any member with an input for the source can read it; it goes to the one that should have it.
    Shared,
    /// What it reads may be there for one machine only: it stays with whoever has it, and another one is refused.
    Alone,
}

/// What a member knows when it decides.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Evidence<'a> {
    /// The id of the decider.
    pub me: &'a str,
    /// Who should own the partition.
    pub wanted: Option<&'a str>,
    /// How it may change hands.
    pub sharing: Sharing,
    /// Whether the decider is at work on it.
    pub running: bool,
}

/// The next step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    /// Nothing to do.
    Leave,
    /// Not yet: the owner is being watched, or asked to give it up.
    Wait,
    /// Commit, close, and mark the head as released.
    Release,
    /// Claim it: from this owner, which is dead, or from nobody.
    Claim(Option<Owner>),
    /// Claim it whoever has it: no head says who does, and the opener tells what is wrong.
    ClaimAny,
    /// It has a live owner that will not give it up.
    Refuse(Owner),
}

/// Decides about a partition that the decider is at work on. Such a one needs no look at the head: its commits are that.
pub(crate) fn decide_running(facts: &Evidence<'_>) -> Decision {
    match (facts.sharing, facts.wanted) {
        (Sharing::Shared, Some(wanted)) if wanted != facts.me => Decision::Release,
        _ => Decision::Leave,
    }
}

/// Whether the head must be looked at to decide.
pub(crate) fn is_interesting(facts: &Evidence<'_>) -> bool {
    !facts.running && (facts.sharing == Sharing::Alone || facts.wanted == Some(facts.me))
}

/// Decides about a partition that the decider is not at work on, having looked at its head.
pub(crate) fn decide_idle(facts: &Evidence<'_>, holder: &Holder, life: impl Fn(&str) -> MemberLiveness) -> Decision {
    if !is_interesting(facts) {
        return Decision::Leave;
    }
    match holder {
        Holder::New | Holder::Released => Decision::Claim(None),
        Holder::Unknown => Decision::ClaimAny,
        Holder::Owner(owner) => match life(member_of(&owner.writer)) {
            // It was at work on it and stopped without a release.
            _ if member_of(&owner.writer) == facts.me => Decision::Claim(Some(owner.clone())),
            MemberLiveness::Dead => Decision::Claim(Some(owner.clone())),
            MemberLiveness::Unsure => Decision::Wait,
            MemberLiveness::Live if facts.sharing == Sharing::Alone => Decision::Refuse(owner.clone()),
            MemberLiveness::Live => Decision::Wait,
        },
    }
}
