//! Looking a member's name up without hashing it twice or comparing it with every name.
//!
//! A name is reduced to its length and its first and last eight bytes; a multiplication chosen so that the wanted names
//! fall on different entries gives the one entry that can hold it. Most members that nobody reads fall on an empty one.

use super::fields::MemberTree;

/// What a member is to the plan: a field's index, the number of fields for a member that nobody reads (there is a cell
/// for it, so that capturing asks no question), or [`WITHIN`].
pub(crate) type MemberUse = u16;

/// A member that is left to the library: fields stand within it, or it cannot be told from another one.
pub(crate) const WITHIN: MemberUse = u16::MAX;

/// The top-level members that are read.
#[derive(Clone, Debug)]
pub(crate) struct NameTable {
    entries: Box<[NameEntry; ENTRIES]>,
    /// The names themselves, for those that the words do not tell whole.
    long: Vec<(MemberUse, Box<[u8]>)>,
    factor: u64,
    pub(crate) unread: MemberUse,
}

/// A power of two: with 70 names one factor in eleven is good.
const ENTRIES: usize = 1024;

#[derive(Clone, Copy, Debug)]
struct NameEntry {
    first: u64,
    last: u64,
    /// `u32::MAX` for an empty entry.
    length: u32,
    member: MemberUse,
}

/// All bits of so many bytes.
const MASKS: [u64; 9] = {
    let mut masks = [0; 9];
    let mut i = 1;
    while i <= 8 {
        masks[i] = u64::MAX >> (64 - 8 * i);
        i += 1;
    }
    masks
};

impl NameTable {
    /// `None` if there are so many names that no table takes them: then every line is left to the library.
    pub(crate) fn new(members: &MemberTree, fields: usize) -> Option<Self> {
        let unread = MemberUse::try_from(fields).ok().filter(|unread| *unread != WITHIN)?;
        let (mut names, mut long) = (Vec::<NameEntry>::new(), vec![]);
        for (name, inner) in &members.within {
            let mut padded = name.clone().into_bytes();
            padded.resize(name.len() + 8, 0);
            let (first, last) = words(&padded, 0, name.len())?;
            let member = inner.field.filter(|_| !inner.leads_on()).map_or(WITHIN, |field| field as MemberUse);
            let length = u32::try_from(name.len()).ok()?;
            match names.iter_mut().find(|known| (known.first, known.last, known.length) == (first, last, length)) {
                Some(known) => known.member = WITHIN,
                None => names.push(NameEntry { first, last, length, member }),
            }
            if length > 16 {
                long.push((member, name.as_bytes().into()));
            }
        }
        let empty = NameEntry { first: 0, last: 0, length: u32::MAX, member: unread };
        let mut table = NameTable { entries: Box::new([empty; ENTRIES]), long, factor: 0x9E37_79B9_7F4A_7C15, unread };
        for _ in 0..10_000 {
            if table.fill(&names, empty) {
                return Some(table);
            }
            table.factor = table.factor.wrapping_mul(0xD134_2543_DE82_EF95) | 1;
        }
        None
    }

    /// Puts every name on its entry; false if two want the same.
    fn fill(&mut self, names: &[NameEntry], empty: NameEntry) -> bool {
        self.entries.fill(empty);
        names.iter().all(|name| {
            let place = self.place(name.first, name.last, name.length);
            let is_free = self.entries[place].length == empty.length;
            self.entries[place] = *name;
            is_free
        })
    }

    /// What the name `block[at..at + length]` is; `None` if it stands too near the block's end to be looked at.
    #[inline(always)]
    pub(crate) fn find(&self, block: &[u8], at: usize, length: usize) -> Option<MemberUse> {
        let (first, last) = words(block, at, length)?;
        let entry = &self.entries[self.place(first, last, length as u32)];
        let same = entry.length as usize == length && entry.first == first && entry.last == last;
        let member = if same { entry.member } else { self.unread };
        if same && length > 16 {
            return Some(self.check_long(member, &block[at..at + length]));
        }
        Some(member)
    }

    #[inline(never)]
    fn check_long(&self, member: MemberUse, name: &[u8]) -> MemberUse {
        let is_it = member == WITHIN || self.long.iter().any(|(known, text)| *known == member && **text == *name);
        if is_it { member } else { self.unread }
    }

    #[inline(always)]
    fn place(&self, first: u64, last: u64, length: u32) -> usize {
        let mixed = (first ^ last.rotate_left(29) ^ u64::from(length) << 56).wrapping_mul(self.factor);
        (mixed >> (64 - ENTRIES.trailing_zeros())) as usize % ENTRIES
    }
}

/// The first and the last eight bytes of a name; of a shorter one all its bytes, twice.
#[inline(always)]
fn words(block: &[u8], at: usize, length: usize) -> Option<(u64, u64)> {
    let mask = MASKS[length.min(8)];
    let first = word(block, at)? & mask;
    let last = word(block, at + length.max(8) - 8)? & mask;
    Some((first, last))
}

/// Eight bytes of the block.
#[inline(always)]
pub(crate) fn word(block: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(*block.get(at..)?.first_chunk()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_found_and_no_other() {
        let long =
            ["a_very_long_member_name_1x", "a_very_long_member_name_2x", "01234567_01234567", "0123456701234567"];
        let alike = ["01234567_x_01234567", "01234567_y_01234567"];
        let mut names: Vec<String> = long.into_iter().chain(alike).map(String::from).collect();
        names.extend((0..60).map(|i| format!("column{i}")));
        names.extend((0..=17).map(|length| "abcdefghijklmnopq"[..length].to_owned()));
        let within = names
            .iter()
            .enumerate()
            .map(|(i, name)| (name.clone(), MemberTree { field: Some(i), ..MemberTree::default() }));
        let table =
            NameTable::new(&MemberTree { within: within.collect(), ..MemberTree::default() }, names.len()).unwrap();
        let find = |name: &str| table.find(format!("{name}        ").as_bytes(), 0, name.len());
        for (i, name) in names.iter().enumerate() {
            let slow = alike.contains(&name.as_str());
            assert_eq!(find(name), Some(if slow { WITHIN } else { i as MemberUse }), "{name}");
        }
        for name in ["column60", "a_very_long_member_name_3x", "b", "abcdefghijklmnoXq", "\0", "column"] {
            assert_eq!(find(name), Some(names.len() as MemberUse), "{name}");
        }
        assert_eq!(table.find(b"abc", 0, 3), None);
    }
}
