//! The object of a member: kept up by its owner every second, and read by the others.
//!
//! A beat makes `live/<id>.<counter>` and deletes the one before the last, so nothing is ever overwritten, a listing alone
//! shows all counters, and one that runs meanwhile finds at least one of the two. The object itself never changes its
//! content, so it is read once.

use event_feeder::world::{self, Instant};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use super::Member;
use super::liveness::{Liveness, MemberLiveness};
use crate::checkpoint::{Store, StoreError};

/// Time between two beats.
pub(crate) const BEAT: Duration = Duration::from_secs(1);
/// Time between two looks at the others.
pub(crate) const LOOK: Duration = Duration::from_millis(500);

const FOLDER: &str = "live";

/// A member at work: it beats and looks until it is dropped.
pub(crate) struct Beat {
    shared: Arc<BeatState>,
    thread: Option<JoinHandle<()>>,
}

/// Who is there, as of the last look.
#[derive(Clone, Debug, Default)]
pub(crate) struct MembershipView {
    /// The members that are alive, the observer included.
    pub live: BTreeMap<String, Member>,
    /// Those, and the ones that may be: they have just begun, or were not watched for long enough.
    pub perhaps: BTreeMap<String, Member>,
    /// All that have an entry.
    pub known: BTreeMap<String, Member>,
    liveness: Liveness,
}

/// Looks at the other members now.
pub(crate) struct Looker {
    shared: Arc<BeatState>,
}

impl Looker {
    /// Looks, once.
    pub(crate) fn look(&self) -> Result<(), StoreError> {
        self.shared.look()
    }
}

struct BeatState {
    store: Arc<dyn Store>,
    me: Member,
    begun: Instant,
    /// The members that have entries, as they say of themselves.
    known: Mutex<BTreeMap<String, Member>>,
    view: Mutex<MembershipView>,
    stopping: Mutex<bool>,
    stop: Condvar,
}

impl MembershipView {
    /// What is held of a member.
    pub(crate) fn life(&self, id: &str) -> MemberLiveness {
        self.liveness.life(id)
    }
}

/// Whether any member may be alive: it has an entry, and is no process of this machine that has ended.
pub(crate) fn any(store: &dyn Store) -> Result<bool, StoreError> {
    for entry in store.list(FOLDER)? {
        let Some(bytes) = store.read(&entry.name)? else { continue };
        let member = serde_json::from_slice::<Member>(&bytes).ok();
        if !member.and_then(|member| member.process).is_some_and(|process| process.is_gone()) {
            return Ok(true);
        }
    }
    Ok(false)
}

impl Beat {
    /// Makes the first beat and begins. From its return on others can see the member.
    pub(crate) fn start(store: Arc<dyn Store>, me: Member) -> Result<Beat, StoreError> {
        let mut view = MembershipView::default();
        view.live.insert(me.id.clone(), me.clone());
        view.perhaps = view.live.clone();
        let shared = Arc::new(BeatState {
            store,
            me,
            begun: Instant::now(),
            known: Mutex::default(),
            view: Mutex::new(view),
            stopping: Mutex::new(false),
            stop: Condvar::new(),
        });
        shared.beat(0)?;
        shared.look()?;
        let own = Arc::clone(&shared);
        let thread = world::thread("members").spawn(move || own.run());
        let thread = thread.expect("the system can start a thread");
        Ok(Beat { shared, thread: Some(thread) })
    }

    /// Who is there.
    pub(crate) fn view(&self) -> MembershipView {
        self.shared.view().clone()
    }

    /// What looks at the others without waiting for the next look, though the member leaves meanwhile.
    pub(crate) fn looker(&self) -> Looker {
        Looker { shared: Arc::clone(&self.shared) }
    }

    /// Ends, and takes the member's entries away: it owns nothing any more, and nobody need watch it die.
    pub(crate) fn leave(mut self) {
        self.end();
        let own = |name: &str| entry(name).is_some_and(|(id, _)| id == self.shared.me.id);
        let entries = self.shared.store.list(FOLDER).unwrap_or_default();
        for entry in entries.iter().filter(|entry| own(&entry.name)) {
            // What stays is forgotten by the others after a while.
            let _ = self.shared.store.delete(&entry.name);
        }
    }

    fn end(&mut self) {
        *self.shared.stopping.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.shared.stop.notify_all();
        if let Some(thread) = self.thread.take() {
            // A panic there has been told by the thread that had it.
            let _ = thread.join();
        }
    }
}

impl Drop for Beat {
    fn drop(&mut self) {
        self.end();
    }
}

impl BeatState {
    fn view(&self) -> MutexGuard<'_, MembershipView> {
        self.view.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self) {
        let mut counter = 1;
        let mut last_beat = Instant::now();
        while !self.pause(LOOK) {
            if last_beat.elapsed() >= BEAT.saturating_sub(LOOK / 2) {
                match self.beat(counter) {
                    Ok(()) => last_beat = Instant::now(),
                    Err(error) => tracing::warn!(%error, "the other processors may hold this one for dead"),
                }
                counter += 1;
            }
            if let Err(error) = self.look() {
                tracing::warn!(%error, "cannot see the other processors");
            }
        }
    }

    /// Whether the end was asked for meanwhile.
    fn pause(&self, time: Duration) -> bool {
        let stopping = self.stopping.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.stop.wait_timeout_while(stopping, time, |stopping| !*stopping);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }

    fn beat(&self, counter: u64) -> Result<(), StoreError> {
        let body = serde_json::to_vec(&self.me).expect("a member is plain data");
        self.store.put(&name(&self.me.id, counter), &body)?;
        match counter.checked_sub(2) {
            Some(old) => self.store.delete(&name(&self.me.id, old)),
            None => Ok(()),
        }
    }

    fn look(&self) -> Result<(), StoreError> {
        let entries = self.store.list(FOLDER)?;
        let mut listed: BTreeMap<String, u64> = BTreeMap::new();
        for (id, counter) in entries.iter().filter_map(|entry| self::entry(&entry.name)) {
            let highest = listed.entry(id.to_owned()).or_default();
            *highest = counter.max(*highest);
        }
        let mut members = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        members.retain(|id, _| listed.contains_key(id));
        for (id, counter) in &listed {
            if !members.contains_key(id) {
                // One that cannot be read yet is read at the next look.
                let read = self.store.read(&name(id, *counter))?;
                let member = read.and_then(|bytes| serde_json::from_slice::<Member>(&bytes).ok());
                members.extend(member.map(|member| (id.clone(), member)));
            }
        }
        let gone: BTreeSet<String> = members
            .values()
            .filter(|member| member.process.as_ref().is_some_and(super::process::ProcessId::is_gone))
            .map(|member| member.id.clone())
            .collect();
        let mut view = self.view();
        view.liveness.look(self.begun.elapsed(), &listed, &gone);
        let with = |lives: &[MemberLiveness]| -> BTreeMap<String, Member> {
            let mut some = members.clone();
            some.retain(|id, _| lives.contains(&view.liveness.life(id)));
            some.insert(self.me.id.clone(), self.me.clone());
            some
        };
        let (live, perhaps) = (with(&[MemberLiveness::Live]), with(&[MemberLiveness::Live, MemberLiveness::Unsure]));
        (view.live, view.perhaps, view.known) = (live, perhaps, members.clone());
        let forgotten: BTreeSet<String> = view.liveness.forgotten().map(str::to_owned).collect();
        drop(view);
        for entry in &entries {
            if self::entry(&entry.name).is_some_and(|(id, _)| forgotten.contains(id) && id != self.me.id) {
                self.store.delete(&entry.name)?;
            }
        }
        Ok(())
    }
}

fn name(id: &str, counter: u64) -> String {
    format!("{FOLDER}/{id}.{counter:020}")
}

/// The member and the counter of an entry; `None` for other names.
fn entry(name: &str) -> Option<(&str, u64)> {
    let (id, counter) = name.strip_prefix(FOLDER)?.strip_prefix('/')?.rsplit_once('.')?;
    let digits = counter.len() == 20 && counter.bytes().all(|byte| byte.is_ascii_digit());
    Some((id, digits.then(|| counter.parse().ok())??))
}
