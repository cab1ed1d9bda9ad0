//! The pure protocol, explored exhaustively to a bound: openers, committers and collectors over a model store.
//!
//! Every interleaving of the steps of two actors is tried, with crashes, creates that never arrive or arrive late, and listings that miss what was made or deleted while they ran. (The answer of a create is never looked at, so
//! a lost answer is no case of its own.) Actors decide only through [`protocol`]; rules broken on purpose must be caught.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};

use crate::digest::Digest;
use crate::names::Stamp;
use crate::protocol::{self, Chain, Claim, Horizon, ObjectClass, OpenDecision, OpenerFacts, Verdict};

/// Index of a head in [`State::made`]; it stands for the digest.
type Id = usize;
/// (generation, epoch), which names a manifest and the file put with it.
type Name = (u64, u64);

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Checkpoint {
    name: Name,
    /// Its own file and that of the checkpoint before.
    files: Vec<Name>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct HeadModel {
    number: u64,
    generation: u64,
    epoch: u64,
    base: Option<Id>,
    kept: Vec<Checkpoint>,
    /// Its maker will tell the user that the heads were rolled back, if it wins.
    tells_roll_back: bool,
}

/// Where an actor is; each variant is about to do one step on the store.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Phase {
    Down,
    LookGenesis,
    LookFiles { genesis: bool },
    LookHeads { genesis: bool, highest: Option<Name>, begun: Option<Vec<u64>> },
    ReadHead { genesis: bool, highest: Option<Name>, number: u64 },
    Create { claim: Id, genesis: bool },
    ReadOwn { claim: Id, genesis: bool },
    Settle { claim: Id, genesis: bool, stood: bool, begun: Option<Vec<u64>> },
    ReadBack { claim: Id, genesis: bool, stood: bool, newest: u64 },
    MakeGenesis { claim: Id },
    Owner { head: Id },
    CheckOwner { head: Id, begun: Option<Vec<u64>> },
    ReadOwner { head: Id, newest: u64 },
    Classify { head: Id, begun: Option<Vec<u64>> },
    Delete { head: Id, heads: Vec<u64>, manifests: Vec<Name>, files: Vec<Name> },
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct State {
    heads: BTreeMap<u64, Id>,
    genesis: bool,
    manifests: BTreeSet<Name>,
    files: BTreeSet<Name>,
    /// Creates that are still under way.
    late: Vec<Id>,
    actors: [Phase; 2],
    left: Budget,
    /// Every head that anyone tried to make.
    made: Vec<HeadModel>,
    /// Every head whose maker was told that it counts.
    winners: Vec<Id>,
    ever_put: BTreeSet<Name>,
}

/// How much may still happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Budget {
    opens: u8,
    commits: u8,
    collections: u8,
    crashes: u8,
    faults: u8,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rule {
    Sound,
    /// The answer of the create decides.
    TrustCreate,
    /// The listing after the create comes without reading the own head before it.
    ListAtOnce,
    /// The listing after the create decides, without reading the own head back.
    TrustListing,
    /// A create without an answer, whose head is not there, is tried again.
    Retry,
    /// Heads are deleted from the newest down.
    DeleteDownwards,
    /// Everything the collector's own head does not name goes.
    DeleteAllUnnamed,
    /// Recovery keeps the old generation.
    KeepGeneration,
}

#[derive(Debug, Clone, Copy)]
struct World {
    rule: Rule,
    heads_kept: u64,
    checkpoints_kept: usize,
}

#[test]
fn no_interleaving_loses_an_acknowledged_epoch() {
    for (heads_kept, checkpoints_kept, left) in [
        (1, 1, Budget { opens: 2, commits: 3, collections: 2, crashes: 1, faults: 1 }),
        (1, 1, Budget { opens: 3, commits: 2, collections: 1, crashes: 0, faults: 1 }),
        (2, 2, Budget { opens: 2, commits: 4, collections: 1, crashes: 0, faults: 1 }),
    ] {
        let world = World { rule: Rule::Sound, heads_kept, checkpoints_kept };
        let states = explore(&world, left).unwrap_or_else(|violation| panic!("{violation}"));
        println!("{left:?}: {states} states");
        assert!(states > 10_000, "only {states} states: the exploration does not reach anything");
    }
}

#[test]
fn every_rule_of_the_protocol_is_needed() {
    let left = Budget { opens: 2, commits: 3, collections: 2, crashes: 1, faults: 1 };
    for rule in [
        Rule::TrustCreate,
        Rule::ListAtOnce,
        Rule::TrustListing,
        Rule::Retry,
        Rule::DeleteDownwards,
        Rule::DeleteAllUnnamed,
        Rule::KeepGeneration,
    ] {
        let world = World { rule, heads_kept: 1, checkpoints_kept: 1 };
        let found = explore(&world, left);
        println!("{rule:?}: {found:?}");
        assert!(found.is_err(), "{rule:?} was not caught in {found:?} states");
    }
}

/// Visits every reachable state; their number, or the first violation.
fn explore(world: &World, left: Budget) -> Result<usize, String> {
    let first = State {
        heads: BTreeMap::new(),
        genesis: false,
        manifests: BTreeSet::new(),
        files: BTreeSet::new(),
        late: Vec::new(),
        actors: [Phase::Down, Phase::Down],
        left,
        made: Vec::new(),
        winners: Vec::new(),
        ever_put: BTreeSet::new(),
    };
    let mut seen = HashSet::from([fingerprint(&first)]);
    let mut open = vec![first];
    let mut next = Vec::new();
    while let Some(state) = open.pop() {
        world.successors(&state, &mut next)?;
        for state in next.drain(..) {
            if seen.insert(fingerprint(&state)) {
                check(&state)?;
                open.push(state);
            }
        }
    }
    Ok(seen.len())
}

/// States are told apart by 64 bits: with a few million of them, two share one with a chance below one in a million.
fn fingerprint(state: &State) -> u64 {
    let mut hasher = DefaultHasher::new();
    state.hash(&mut hasher);
    hasher.finish()
}

/// What must hold in every state.
fn check(state: &State) -> Result<(), String> {
    let fail = |what: &str| Err(format!("{what}: {state:#?}"));
    match state.heads.values().next_back() {
        None if state.genesis || !state.files.is_empty() => fail("all heads are gone"),
        Some(head) => {
            let whole = |checkpoint: &Checkpoint| {
                state.manifests.contains(&checkpoint.name)
                    && checkpoint.files.iter().all(|file| state.files.contains(file))
            };
            if state.made[*head].kept.iter().all(whole) { Ok(()) } else { fail("the newest head names what is gone") }
        }
        None => Ok(()),
    }
}

impl State {
    /// Whether `ancestor` is in the history of `head`.
    fn descends(&self, head: Id, ancestor: Id) -> bool {
        let mut at = Some(head);
        while let Some(id) = at {
            if id == ancestor {
                return true;
            }
            at = self.made[id].base;
        }
        false
    }

    /// Someone is told that `claim` counts: all that ever counted must be one history.
    fn win(&mut self, claim: Id) -> Result<(), String> {
        for &other in &self.winners {
            let older = self.made[other].number < self.made[claim].number;
            let one_history = if older { self.descends(claim, other) } else { self.descends(other, claim) };
            if !one_history {
                return Err(format!("{claim} and {other} both count: {self:#?}"));
            }
        }
        if self.made[claim].tells_roll_back {
            return Err(format!("a roll-back is told where none was: {self:#?}"));
        }
        self.winners.push(claim);
        Ok(())
    }

    fn claim(&self, id: Id) -> Claim {
        Claim { number: self.made[id].number, digest: Digest::of(&id.to_le_bytes()) }
    }

    fn make(&mut self, head: HeadModel) -> Id {
        self.made.push(head);
        self.made.len() - 1
    }

    fn deliver(&mut self, id: Id) {
        self.heads.entry(self.made[id].number).or_insert(id);
    }

    fn numbers(&self) -> Vec<u64> {
        self.heads.keys().copied().collect()
    }

    /// What a listing that began with `begun` may return now: of what came or went meanwhile, anything.
    fn listings(&self, begun: &[u64]) -> Vec<Vec<u64>> {
        let now = self.numbers();
        let (steady, unsure): (Vec<u64>, Vec<u64>) = begun
            .iter()
            .chain(now.iter().filter(|number| !begun.contains(number)))
            .partition(|number| begun.contains(number) && now.contains(number));
        let listing = |choice: u32| {
            let chosen = unsure.iter().enumerate().filter(|(index, _)| choice >> index & 1 == 1);
            let mut numbers: Vec<u64> = steady.iter().chain(chosen.map(|(_, number)| number)).copied().collect();
            numbers.sort_unstable();
            numbers
        };
        (0..1 << unsure.len()).map(listing).collect()
    }
}

impl World {
    fn successors(&self, state: &State, next: &mut Vec<State>) -> Result<(), String> {
        for index in 0..state.late.len() {
            let mut state = state.clone();
            let id = state.late.remove(index);
            state.deliver(id);
            next.push(state);
        }
        for actor in 0..state.actors.len() {
            if state.left.crashes > 0 && state.actors[actor] != Phase::Down {
                let mut state = state.clone();
                state.left.crashes -= 1;
                state.actors[actor] = Phase::Down;
                next.push(state);
            }
            self.steps(state, actor, next)?;
        }
        Ok(())
    }

    /// All ways in which `actor` can do its next step.
    fn steps(&self, state: &State, actor: usize, next: &mut Vec<State>) -> Result<(), String> {
        let mut go = |change: &mut dyn FnMut(&mut State) -> Result<Phase, String>| -> Result<(), String> {
            let mut after = state.clone();
            after.actors[actor] = change(&mut after)?;
            next.push(after);
            Ok(())
        };
        match state.actors[actor].clone() {
            Phase::Down => {
                if state.left.opens > 0 {
                    go(&mut |state| {
                        state.left.opens -= 1;
                        Ok(Phase::LookGenesis)
                    })?;
                }
            }
            Phase::LookGenesis => go(&mut |state| Ok(Phase::LookFiles { genesis: state.genesis }))?,
            Phase::LookFiles { genesis } => go(&mut |state| {
                let names = || state.manifests.iter().chain(&state.files);
                let highest = names().map(|name| name.0).max().zip(names().map(|name| name.1).max());
                Ok(Phase::LookHeads { genesis, highest, begun: None })
            })?,
            Phase::LookHeads { genesis, highest, begun: None } => {
                go(&mut |state| Ok(Phase::LookHeads { genesis, highest, begun: Some(state.numbers()) }))?;
            }
            Phase::LookHeads { genesis, highest, begun: Some(begun) } => {
                for listing in state.listings(&begun) {
                    go(&mut |state| Ok(self.look(state, genesis, highest, &listing)))?;
                }
            }
            Phase::ReadHead { genesis, highest, number } => {
                go(&mut |state| Ok(self.read_head(state, genesis, highest, number)))?;
            }
            Phase::Create { claim, genesis } => {
                go(&mut |state| {
                    let free = !state.heads.contains_key(&state.made[claim].number);
                    state.deliver(claim);
                    if self.rule == Rule::TrustCreate {
                        return if free { self.won(state, claim, genesis) } else { Ok(Phase::Down) };
                    }
                    Ok(self.created(claim, genesis))
                })?;
                if state.left.faults > 0 {
                    for late in [false, true] {
                        go(&mut |state| {
                            state.left.faults -= 1;
                            if late {
                                state.late.push(claim);
                            }
                            Ok(self.created(claim, genesis))
                        })?;
                    }
                }
            }
            Phase::ReadOwn { claim, genesis } => go(&mut |state| {
                Ok(match state.heads.get(&state.made[claim].number) {
                    Some(found) if *found != claim => Phase::Down,
                    found => Phase::Settle { claim, genesis, stood: found.is_some(), begun: None },
                })
            })?,
            Phase::Settle { claim, genesis, stood, begun: None } => {
                go(&mut |state| Ok(Phase::Settle { claim, genesis, stood, begun: Some(state.numbers()) }))?;
            }
            Phase::Settle { claim, genesis, stood, begun: Some(begun) } => {
                for listing in state.listings(&begun) {
                    go(&mut |state| match listing.last() {
                        newest if self.rule == Rule::TrustListing => match newest {
                            Some(newest) if *newest > state.made[claim].number => Ok(Phase::Down),
                            _ => self.won(state, claim, genesis),
                        },
                        Some(newest) => Ok(Phase::ReadBack { claim, genesis, stood, newest: *newest }),
                        None => Ok(self.settled(state, claim, None)),
                    })?;
                }
            }
            Phase::ReadBack { claim, genesis, stood, newest } => {
                go(&mut |state| match state.heads.get(&newest).copied() {
                    Some(found) => {
                        let found = state.claim(found);
                        match protocol::verdict(&state.claim(claim), Some(&found)) {
                            Verdict::Mine if stood => self.won(state, claim, genesis),
                            Verdict::Mine => Ok(Phase::Down),
                            _ => Ok(self.settled(state, claim, Some(&found))),
                        }
                    }
                    None => Ok(Phase::Settle { claim, genesis, stood, begun: None }),
                })?
            }
            Phase::MakeGenesis { claim } => go(&mut |state| {
                state.genesis = true;
                Ok(Phase::Owner { head: claim })
            })?,
            Phase::Owner { head } => {
                if state.left.commits > 0 {
                    go(&mut |state| self.begin_commit(state, head))?;
                }
                if state.left.collections > 0 {
                    go(&mut |state| {
                        state.left.collections -= 1;
                        Ok(Phase::CheckOwner { head, begun: None })
                    })?;
                }
            }
            Phase::CheckOwner { head, begun: None } => {
                go(&mut |state| Ok(Phase::CheckOwner { head, begun: Some(state.numbers()) }))?;
            }
            Phase::CheckOwner { head, begun: Some(begun) } => {
                for listing in state.listings(&begun) {
                    go(&mut |_| {
                        Ok(listing.last().map_or(Phase::Down, |newest| Phase::ReadOwner { head, newest: *newest }))
                    })?;
                }
            }
            Phase::ReadOwner { head, newest } => go(&mut |state| {
                let mine = state.heads.get(&newest) == Some(&head);
                Ok(if mine { Phase::Classify { head, begun: None } } else { Phase::Down })
            })?,
            Phase::Classify { head, begun: None } => {
                go(&mut |state| Ok(Phase::Classify { head, begun: Some(state.numbers()) }))?;
            }
            Phase::Classify { head, begun: Some(begun) } => {
                for listing in state.listings(&begun) {
                    go(&mut |state| Ok(self.classify(state, head, &listing)))?;
                }
            }
            Phase::Delete { head, mut heads, mut manifests, mut files } => go(&mut |state| {
                if !heads.is_empty() {
                    state.heads.remove(&heads.remove(0));
                } else if !manifests.is_empty() {
                    state.manifests.remove(&manifests.remove(0));
                } else if !files.is_empty() {
                    state.files.remove(&files.remove(0));
                } else {
                    return Ok(Phase::Owner { head });
                }
                let (heads, manifests, files) = (heads.clone(), manifests.clone(), files.clone());
                Ok(Phase::Delete { head, heads, manifests, files })
            })?,
        }
        Ok(())
    }

    fn look(&self, state: &mut State, genesis: bool, highest: Option<Name>, listing: &[u64]) -> Phase {
        let seen = OpenerFacts { genesis, files: highest.is_some(), newest_head: listing.last().copied() };
        match protocol::start(&seen) {
            OpenDecision::TakeOver { newest } => Phase::ReadHead { genesis, highest, number: newest },
            // The real opener gives up after some looks; heads that are really gone are a violation of their own.
            OpenDecision::Lost(_) => Phase::LookGenesis,
            OpenDecision::New => {
                let head = HeadModel {
                    number: 0,
                    generation: 1,
                    epoch: 0,
                    base: None,
                    kept: Vec::new(),
                    tells_roll_back: false,
                };
                Phase::Create { claim: state.make(head), genesis: false }
            }
        }
    }

    fn read_head(&self, state: &mut State, genesis: bool, highest: Option<Name>, number: u64) -> Phase {
        let Some(base) = state.heads.get(&number).copied() else {
            return Phase::LookGenesis;
        };
        let old = state.made[base].clone();
        let (generation, epoch) = highest.unwrap_or_default();
        let chain = Chain {
            head: Stamp { generation: old.generation, epoch: old.epoch },
            unreadable: 0,
            highest: Stamp { generation, epoch },
        };
        let next = protocol::succession(&chain);
        let generation = if self.rule == Rule::KeepGeneration { old.generation } else { next.stamp.generation };
        let head = HeadModel {
            number: number + 1,
            generation,
            epoch: next.stamp.epoch,
            base: Some(base),
            kept: old.kept,
            tells_roll_back: next.rolled_back,
        };
        Phase::Create { claim: state.make(head), genesis }
    }

    fn created(&self, claim: Id, genesis: bool) -> Phase {
        match self.rule {
            Rule::ListAtOnce => Phase::Settle { claim, genesis, stood: true, begun: None },
            _ => Phase::ReadOwn { claim, genesis },
        }
    }

    /// After a read-back that did not find the claim as the newest head.
    fn settled(&self, state: &State, claim: Id, newest: Option<&Claim>) -> Phase {
        match protocol::verdict(&state.claim(claim), newest) {
            Verdict::Mine => unreachable!("handled by the caller"),
            Verdict::Theirs => Phase::Down,
            // It may still arrive, so trying again could make it arrive twice.
            Verdict::Absent if self.rule == Rule::Retry => Phase::Create { claim, genesis: true },
            Verdict::Absent => Phase::Down,
        }
    }

    fn won(&self, state: &mut State, claim: Id, genesis: bool) -> Result<Phase, String> {
        state.win(claim)?;
        Ok(if genesis { Phase::Owner { head: claim } } else { Phase::MakeGenesis { claim } })
    }

    fn begin_commit(&self, state: &mut State, base: Id) -> Result<Phase, String> {
        state.left.commits -= 1;
        let old = state.made[base].clone();
        let name = (old.generation, old.epoch + 1);
        if !state.ever_put.insert(name) {
            return Err(format!("{name:?} is written twice: {state:#?}"));
        }
        state.manifests.insert(name);
        state.files.insert(name);
        let before = old.kept.first().map(|checkpoint| checkpoint.name);
        let mut kept = vec![Checkpoint { name, files: [name].into_iter().chain(before).collect() }];
        kept.extend(old.kept.into_iter().take(self.checkpoints_kept - 1));
        let head = HeadModel {
            number: old.number + 1,
            generation: old.generation,
            epoch: old.epoch + 1,
            base: Some(base),
            kept,
            tells_roll_back: false,
        };
        Ok(Phase::Create { claim: state.make(head), genesis: true })
    }

    fn classify(&self, state: &mut State, head: Id, listing: &[u64]) -> Phase {
        let own = &state.made[head];
        let Some(oldest) = own.kept.last() else {
            return Phase::Owner { head };
        };
        let horizon = Horizon {
            head: own.number,
            generation: own.generation,
            oldest_epoch: oldest.name.1,
            heads_kept: self.heads_kept,
        };
        let mut heads: Vec<u64> = listing
            .iter()
            .copied()
            .filter(|number| protocol::classify_head(&horizon, Some(*number)) == ObjectClass::Garbage)
            .collect();
        if self.rule == Rule::DeleteDownwards {
            heads.reverse();
        }
        let garbage = |name: &Name, needed: bool| {
            let stamp = Stamp { generation: name.0, epoch: name.1 };
            if self.rule == Rule::DeleteAllUnnamed {
                return !needed;
            }
            protocol::classify(&horizon, Some(stamp), needed) == ObjectClass::Garbage
        };
        let manifests = state.manifests.iter().copied();
        let manifests = manifests.filter(|name| garbage(name, own.kept.iter().any(|kept| kept.name == *name)));
        let files = state.files.iter().copied();
        let files = files.filter(|name| garbage(name, own.kept.iter().any(|kept| kept.files.contains(name))));
        let (manifests, files) = (manifests.collect(), files.collect());
        Phase::Delete { head, heads, manifests, files }
    }
}
