//! A world of members in ticks of a tenth of a second, in which processes freeze, die and join at random.
//!
//! The members decide with the real code; heads are what they are in the real store: one owner, replaced by comparison.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::decide::{Decision, Evidence, Sharing, decide_idle, decide_running, is_interesting};
use super::liveness::{Liveness, MemberLiveness};
use super::share::share;
use crate::checkpoint::{Holder, Owner};

const TICK_MS: u64 = 100;
const BEAT_TICKS: u64 = 10;
const LOOK_TICKS: u64 = 5;

struct Head {
    holder: Holder,
    generation: u64,
}

struct Process {
    id: String,
    up: bool,
    frozen_until: u64,
    /// Its longest sleep, in ticks.
    slept: u64,
    counter: u64,
    liveness: Liveness,
    /// Partitions at work with the generation of their heads.
    running: BTreeMap<String, u64>,
    /// When in a beat and a look it moves.
    phase: u64,
    refused: bool,
}

struct World {
    now: u64,
    seed: u64,
    sharing: Sharing,
    heads: BTreeMap<String, Head>,
    processes: Vec<Process>,
    /// Entries in the store; those of the dead stay.
    entries: BTreeMap<String, u64>,
    /// Members that exited as fenced although they never slept.
    wrongly_fenced: Vec<String>,
    fenced: usize,
    /// Since when each partition has had no owner that is up.
    orphaned: BTreeMap<String, u64>,
    longest_orphan: u64,
}

impl World {
    fn new(seed: u64, partitions: usize, sharing: Sharing) -> World {
        let head = |i| (format!("topic/{i}"), Head { holder: Holder::New, generation: 0 });
        World {
            now: 0,
            seed: seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1,
            sharing,
            heads: (0..partitions).map(head).collect(),
            processes: vec![],
            entries: BTreeMap::new(),
            wrongly_fenced: vec![],
            fenced: 0,
            orphaned: BTreeMap::new(),
            longest_orphan: 0,
        }
    }

    fn random(&mut self, below: u64) -> u64 {
        self.seed ^= self.seed << 13;
        self.seed ^= self.seed >> 7;
        self.seed ^= self.seed << 17;
        self.seed % below
    }

    fn join(&mut self) {
        let id = format!("p{}", self.processes.len());
        self.entries.insert(id.clone(), 0);
        let phase = self.random(BEAT_TICKS);
        self.processes.push(Process {
            id,
            up: true,
            frozen_until: 0,
            slept: 0,
            counter: 0,
            liveness: Liveness::default(),
            running: BTreeMap::new(),
            phase,
            refused: false,
        });
    }

    fn run(&mut self, ticks: u64) {
        for _ in 0..ticks {
            self.now += 1;
            for i in 0..self.processes.len() {
                if self.processes[i].up && self.processes[i].frozen_until <= self.now {
                    self.step(i);
                }
            }
            self.watch_orphans();
        }
    }

    fn step(&mut self, i: usize) {
        let at = self.now + self.processes[i].phase;
        // A commit or a look at the head, which is due at once for one that slept.
        let stolen = self.processes[i].running.iter().any(|(partition, generation)| {
            let head = &self.heads[partition];
            head.generation != *generation || head.holder == Holder::Released
        });
        if stolen {
            self.fenced += 1;
            let process = &mut self.processes[i];
            process.up = false;
            if process.slept < 20 {
                self.wrongly_fenced.push(process.id.clone());
            }
            return;
        }
        if at.is_multiple_of(BEAT_TICKS) {
            self.processes[i].counter += 1;
            self.entries.insert(self.processes[i].id.clone(), self.processes[i].counter);
        }
        if at.is_multiple_of(LOOK_TICKS) {
            let now = Duration::from_millis(self.now * TICK_MS);
            let entries = self.entries.clone();
            self.processes[i].liveness.look(now, &entries, &BTreeSet::new());
            self.decide(i);
        }
    }

    fn decide(&mut self, i: usize) {
        let me = self.processes[i].id.clone();
        let live: BTreeSet<String> = self.processes[i].liveness.live().map(str::to_owned).chain([me.clone()]).collect();
        let able: BTreeSet<&str> = live.iter().map(String::as_str).collect();
        let wanted = share(self.heads.keys().map(|partition| (partition.clone(), able.clone())));
        for (partition, wanted) in &wanted {
            let running = self.processes[i].running.contains_key(partition);
            let facts = Evidence { me: &me, wanted: Some(wanted), sharing: self.sharing, running };
            let head = self.heads.get_mut(partition).unwrap();
            let decision = match running {
                true => decide_running(&facts),
                false if !is_interesting(&facts) => Decision::Leave,
                false => decide_idle(&facts, &head.holder, |id| self.processes[i].liveness.life(id)),
            };
            match decision {
                Decision::Leave | Decision::Wait => {}
                Decision::Release => {
                    head.holder = Holder::Released;
                    self.processes[i].running.remove(partition);
                }
                Decision::Claim(_) => {
                    head.generation += 1;
                    head.holder = Holder::Owner(Owner { writer: me.clone(), generation: head.generation });
                    self.processes[i].running.insert(partition.clone(), head.generation);
                }
                Decision::Refuse(owner) => {
                    assert_ne!(owner.writer, me);
                    self.processes[i].refused = true;
                    self.processes[i].up = false;
                }
                Decision::ClaimAny => panic!("every head here is whole"),
            }
        }
    }

    fn watch_orphans(&mut self) {
        for (partition, head) in &self.heads {
            let up = |id: &str| self.processes.iter().any(|process| process.id == id && process.up);
            let owned = matches!(&head.holder, Holder::Owner(owner) if up(&owner.writer));
            let since = *self.orphaned.entry(partition.clone()).or_insert(self.now);
            self.longest_orphan = self.longest_orphan.max(self.now - since);
            if owned {
                self.orphaned.remove(partition);
            }
        }
    }

    /// Partitions of each process that is up, by the heads.
    fn loads(&self) -> Vec<usize> {
        let of = |process: &&Process| {
            let own = |head: &&Head| matches!(&head.holder, Holder::Owner(owner) if owner.writer == process.id);
            self.heads.values().filter(own).count()
        };
        self.processes.iter().filter(|process| process.up).map(|process| of(&process)).collect()
    }
}

#[test]
fn three_share_eight_and_a_joiner_takes_its_share() {
    for seed in 0..200 {
        let mut world = World::new(seed, 8, Sharing::Shared);
        (0..3).for_each(|_| world.join());
        world.run(60);
        let mut loads = world.loads();
        loads.sort_unstable();
        assert_eq!(loads, [2, 3, 3], "seed {seed}");
        world.join();
        world.run(50);
        assert_eq!(world.loads(), [2, 2, 2, 2], "seed {seed}");
        assert_eq!(world.fenced, 0, "nobody is fenced where nobody fails: seed {seed}");
    }
}

#[test]
fn what_a_killed_one_had_is_taken_over_within_five_seconds() {
    for seed in 0..200 {
        let mut world = World::new(seed, 8, Sharing::Shared);
        (0..3).for_each(|_| world.join());
        world.run(60);
        let victim = world.random(3) as usize;
        world.processes[victim].up = false;
        world.longest_orphan = 0;
        world.run(100);
        assert!(world.longest_orphan <= 50, "seed {seed}: {} ticks", world.longest_orphan);
        assert_eq!(world.loads(), [4, 4], "seed {seed}");
    }
}

#[test]
fn storms_pass_and_only_sleepers_are_fenced() {
    let mut fenced = 0;
    for seed in 0..500 {
        let mut world = World::new(seed, 8, Sharing::Shared);
        (0..3).for_each(|_| world.join());
        for _ in 0..20 {
            let (ticks, which) = (world.random(40), world.random(world.processes.len() as u64) as usize);
            world.run(ticks);
            match world.random(6) {
                0 => world.processes[which].up = false,
                1 | 2 => {
                    let sleep = world.random(120);
                    let process = &mut world.processes[which];
                    process.frozen_until = process.frozen_until.max(world.now + sleep);
                    process.slept = process.slept.max(process.frozen_until - world.now);
                }
                3 => world.join(),
                _ => {}
            }
        }
        world.join();
        // Sleepers wake, and whoever lost something notices.
        world.run(300);
        let loads = world.loads();
        let (least, most) = (loads.iter().min().unwrap(), loads.iter().max().unwrap());
        assert_eq!(loads.iter().sum::<usize>(), 8, "seed {seed}: {loads:?}");
        assert!(*most <= 8_usize.div_ceil(loads.len()), "seed {seed}: {loads:?}, least {least}");
        assert_eq!(world.wrongly_fenced, [] as [String; 0], "seed {seed}");
        fenced += world.fenced;
    }
    assert!(fenced > 100, "the storms are too mild to tell anything: {fenced} fenced");
}

#[test]
fn a_source_of_one_machine_stays_with_its_owner_and_the_second_is_refused() {
    for seed in 0..100 {
        let mut world = World::new(seed, 1, Sharing::Alone);
        world.join();
        world.run(30);
        world.join();
        world.run(50);
        let states: Vec<(bool, bool)> = world.processes.iter().map(|p| (p.up, p.refused)).collect();
        assert_eq!(states, [(true, false), (false, true)], "seed {seed}");
        // The owner dies; the third finds a dead owner.
        world.processes[0].up = false;
        world.join();
        world.run(50);
        assert_eq!(world.loads(), [1], "seed {seed}");
    }
}

#[test]
fn one_that_wakes_does_not_hold_the_others_for_dead() {
    let mut liveness = Liveness::default();
    let listed = |counter| BTreeMap::from([("other".to_owned(), counter)]);
    let at = Duration::from_millis;
    liveness.look(at(0), &listed(1), &BTreeSet::new());
    assert_eq!(liveness.life("other"), MemberLiveness::Unsure);
    liveness.look(at(500), &listed(2), &BTreeSet::new());
    assert_eq!(liveness.life("other"), MemberLiveness::Live);
    // The observer slept for an hour, and the listing that it holds is from before.
    liveness.look(at(3_600_000), &listed(2), &BTreeSet::new());
    assert_eq!(liveness.life("other"), MemberLiveness::Live);
    for look in 1..=4 {
        liveness.look(at(3_600_000 + 500 * look), &listed(2), &BTreeSet::new());
    }
    assert_eq!(liveness.life("other"), MemberLiveness::Dead, "it was watched for three seconds");
    liveness.look(at(3_602_500), &listed(3), &BTreeSet::new());
    assert_eq!(liveness.life("other"), MemberLiveness::Live, "it only slept");
    liveness.look(at(3_603_000), &listed(4), &BTreeSet::from(["other".to_owned()]));
    assert_eq!(liveness.life("other"), MemberLiveness::Dead, "its process is known to have ended");
}

#[test]
fn an_owner_without_an_entry_is_dead_once_two_listings_say_so() {
    let mut liveness = Liveness::default();
    liveness.look(Duration::ZERO, &BTreeMap::new(), &BTreeSet::new());
    assert_eq!(liveness.life("ghost"), MemberLiveness::Unsure);
    liveness.look(Duration::from_millis(500), &BTreeMap::new(), &BTreeSet::new());
    assert_eq!(liveness.life("ghost"), MemberLiveness::Dead);
}

#[test]
fn only_members_with_an_input_for_a_source_own_its_partitions() {
    let able = |ids: &[&'static str]| ids.iter().copied().collect::<BTreeSet<&str>>();
    let owners =
        share([("a/0", able(&["x", "y"])), ("a/1", able(&["x", "y"])), ("b/0", able(&["y"])), ("c/0", able(&[]))]);
    assert_eq!(owners.get("b/0"), Some(&"y"));
    assert_eq!(owners.len(), 3, "nobody can own the last: {owners:?}");
    let of_x = owners.values().filter(|owner| **owner == "x").count();
    assert!(of_x >= 1, "{owners:?}");
}

#[test]
fn a_member_that_leaves_moves_little() {
    let names: Vec<String> = (0..64).map(|i| format!("topic/{i}")).collect();
    let of = |ids: &[&'static str]| {
        let able: BTreeSet<&str> = ids.iter().copied().collect();
        share(names.iter().map(|name| (name.as_str(), able.clone())))
    };
    let (before, after) = (of(&["a", "b", "c", "d"]), of(&["a", "b", "c"]));
    let moved = before.iter().filter(|(name, owner)| **owner != "d" && after[*name] != **owner).count();
    assert!(moved <= 16, "{moved} of 48 moved beyond the share of the one that left");
}
