//! One look at everything, and what follows from it: partitions that are given up, waited for, or claimed.

use super::{Cluster, lock};
use crate::checkpoint::{Error as StateError, TakeFrom, holder};
use crate::input::LogPartition;
use crate::members::beat::MembershipView;
use crate::members::decide::{Decision, Evidence, Sharing, decide_idle, decide_running, is_interesting};
use crate::members::process::ProcessId;
use crate::members::{Member, member_of, share::share};
use crate::partition::{Error, Recovery};
use crate::service::work::folder;
use crate::service::{Service, StartError};
use crate::traced;
use std::collections::{BTreeMap, BTreeSet};

/// What came of a round.
#[derive(Default)]
pub(super) struct Round {
    pub(super) recoveries: Vec<Recovery>,
    /// Something that should be done could not be done yet.
    pub(super) waits: bool,
    pub(super) refused: Option<StartError>,
    pub(super) failed: Option<StartError>,
}

enum Step {
    Claimed(Recovery),
    Waits,
    Nothing,
}

impl Service {
    /// One look at everything, and what follows from it.
    pub(super) fn round(&self, cluster: &Cluster) -> Round {
        let view = cluster.view();
        let parts = self.known_parts();
        let owned: BTreeSet<(String, u32)> =
            self.owned().into_iter().map(|(source, part)| (source, part.number)).collect();
        let me = self.options.writer.as_str();
        let owners = |members: &BTreeMap<String, Member>| -> BTreeMap<String, String> {
            let able = |source: &str| -> BTreeSet<&str> {
                let able = |member: &&Member| member.id == me || reads(member, source);
                members.values().filter(able).map(|member| member.id.as_str()).collect()
            };
            let shares = share(parts.iter().map(|(source, part, _)| (name(source, part), able(source))));
            shares.into_iter().map(|(partition, id)| (partition, id.to_owned())).collect()
        };
        // What goes to somebody else goes to one that is alive for sure; what is claimed is not claimed from under one that
        // may be about to.
        let (sure, perhaps) = (owners(&view.live), owners(&view.perhaps));
        let mine = sure.values().filter(|owner| *owner == me).count();
        let threads = (self.options.threads / mine.max(1)).max(1);
        let finished = lock(&cluster.finished).clone();

        let mut round = Round::default();
        let mut claims = vec![];
        for (source, part, sharing) in &parts {
            let running = owned.contains(&(source.clone(), part.number));
            if cluster.is_stopping() || finished.contains(&(source.clone(), part.number)) {
                continue;
            }
            if !running && self.is_in_trouble(source) {
                continue;
            }
            let wanted = sure.get(&name(source, part)).map(String::as_str);
            let facts = Evidence { me, wanted, sharing: *sharing, running };
            if running {
                if decide_running(&facts) == Decision::Release {
                    tracing::info!(source, partition = part.number, "gives the partition up");
                    self.release(source, part.number);
                }
                continue;
            }
            if !is_interesting(&facts) {
                continue;
            }
            if *sharing == Sharing::Shared && perhaps.get(&name(source, part)).map(String::as_str) != Some(me) {
                round.waits = true;
                continue;
            }
            let store = self.options.state.store(&folder(source, part));
            let decision = match holder(&*store) {
                Ok(holder) => decide_idle(&facts, &holder, |id| view.life(id)),
                Err(error) => {
                    tracing::warn!(source, partition = part.number, %error, "cannot see who has the partition");
                    Decision::Wait
                }
            };
            match decision {
                Decision::Leave | Decision::Release => {}
                Decision::Wait => round.waits = true,
                Decision::Refuse(owner) => {
                    let member = view.live.get(member_of(&owner.writer));
                    let address = member.map(|member| member.address.clone()).unwrap_or_default();
                    let (source_name, by) = (source.clone(), owner.writer);
                    round.refused = Some(StartError::Taken { source_name, by, address });
                }
                Decision::ClaimAny => claims.push((source, part, TakeFrom::Anybody)),
                Decision::Claim(None) => claims.push((source, part, TakeFrom::Nobody)),
                Decision::Claim(Some(owner)) => claims.push((source, part, TakeFrom::Owner(owner))),
            }
        }
        let there = self.silent_and_there(cluster, &view, claims.iter().map(|(_, _, take)| take));
        claims.retain(|(_, _, take)| {
            let waits = matches!(take, TakeFrom::Owner(owner) if there.contains(member_of(&owner.writer)));
            round.waits |= waits;
            !waits
        });
        // Loading takes long, and the partitions of one that died are all wanted at once.
        let steps: Vec<(String, Result<Step, StartError>)> = std::thread::scope(|scope| {
            let claim = |(source, part, take): (&String, &LogPartition, TakeFrom)| {
                let (source, number) = (source.clone(), part.number);
                scope.spawn(move || {
                    let step = self.try_to_claim(&source, number, take, threads);
                    (source, step)
                })
            };
            let claiming: Vec<_> = claims.into_iter().map(claim).collect();
            claiming.into_iter().map(|thread| thread.join().expect("opening a partition does not panic")).collect()
        });
        for (source, step) in steps {
            match step {
                Ok(Step::Claimed(recovery)) => round.recoveries.push(recovery),
                Ok(Step::Waits) => round.waits = true,
                Ok(Step::Nothing) => {}
                // Nobody waits for its answers, and what it would replace answers.
                Err(error) if !self.answers(&source) => self.note_trouble(&source, &error.to_string()),
                Err(error) => round.failed = Some(error),
            }
        }
        round
    }

    /// Members that seem to be dead and are not: their counters stand still and they answer all the same, for their disk or
    /// their bucket is slow; or they have come since the view was taken, which a head read later may name. A member has its
    /// entry before it claims anything, so a listing made now has it. Each is asked once.
    pub(super) fn silent_and_there<'a>(
        &self,
        cluster: &Cluster,
        view: &MembershipView,
        takes: impl Iterator<Item = &'a TakeFrom>,
    ) -> BTreeSet<String> {
        let silent: BTreeSet<&str> = takes
            .filter_map(|take| if let TakeFrom::Owner(owner) = take { Some(member_of(&owner.writer)) } else { None })
            .filter(|id| *id != self.options.writer)
            .collect();
        let is_known = |id: &str| view.known.contains_key(id);
        let newer = if silent.iter().all(|id| is_known(id)) {
            None
        } else {
            // Without a listing nobody is dead.
            Some(cluster.look().map(|()| cluster.view()))
        };
        let has_come = |id: &str| match &newer {
            _ if is_known(id) => false,
            Some(Ok(newer)) => newer.known.contains_key(id),
            Some(Err(_)) => true,
            None => false,
        };
        let is_there = |id: &&str| {
            if has_come(id) {
                return true;
            }
            let gone = |member: &Member| member.process.as_ref().is_some_and(ProcessId::is_gone);
            view.known.get(*id).is_some_and(|member| !gone(member) && cluster.peers.is_there(&member.address))
        };
        silent.into_iter().filter(is_there).map(str::to_owned).collect()
    }

    fn try_to_claim(&self, source: &str, partition: u32, take: TakeFrom, threads: usize) -> Result<Step, StartError> {
        let span = traced::take_over(source, partition);
        match span.in_scope(|| self.claim_from(source, partition, take, threads)) {
            Ok(Some(recovery)) => {
                traced::taken_over(&span, recovery.epoch);
                tracing::info!(source, partition, epoch = recovery.epoch, "works on the partition");
                Ok(Step::Claimed(recovery))
            }
            Ok(None) => Ok(Step::Nothing),
            // Others were quicker; what they did is seen at the next look.
            Err(StartError::Partition(Error::Checkpoint(
                StateError::Held { .. } | StateError::Contended { .. } | StateError::Fenced { .. },
            ))) => Ok(Step::Waits),
            Err(error) => {
                traced::failed(&span, &error);
                Err(error)
            }
        }
    }
}

/// Whether a member has the logs of a plan: it has said which it had at its start, and plans of the same logs may have come
/// since.
fn reads(member: &Member, plan: &str) -> bool {
    let sources = |plan: &'_ str| -> BTreeSet<String> {
        let whole = plan.split_once('@').map_or(plan, |(sources, _)| sources);
        whole.split('+').map(str::to_owned).collect()
    };
    let own: BTreeSet<String> = member.sources.iter().flat_map(|own| sources(own)).collect();
    sources(plan).is_subset(&own)
}

fn name(source: &str, part: &LogPartition) -> String {
    format!("{source}/{:010}", part.number)
}
