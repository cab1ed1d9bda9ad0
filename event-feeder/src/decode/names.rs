//! Looking a member's name up without hashing it twice or comparing it with every name.
//!
//! A name is reduced to its length and its first and last eight bytes; a multiplication chosen so that the wanted names
//! fall on different entries gives the one entry that can hold it. Most members that nobody reads fall on an empty one.

use super::fields::Members;

/// What a member is to the plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Member {
    /// Nobody reads it.
    Unread,
    /// This field.
    Field(usize),
    /// Fields stand within it.
    Within,
}

/// The top-level members that are read.
#[derive(Clone, Debug)]
pub(crate) struct Names {
    entries: Vec<Entry>,
    factor: u64,
    shift: u32,
}

#[derive(Clone, Debug)]
struct Entry {
    first: u64,
    last: u64,
    /// `usize::MAX` for an empty entry.
    length: usize,
    member: Member,
    name: Box<[u8]>,
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

impl Names {
    pub(crate) fn new(members: &Members) -> Self {
        let empty = Entry { first: 0, last: 0, length: usize::MAX, member: Member::Unread, name: [].into() };
        let names: Vec<Entry> = members
            .within
            .iter()
            .map(|(name, member)| {
                let mut padded = name.clone().into_bytes();
                padded.resize(name.len() + 8, 0);
                let (first, last) = words(&padded, 0, name.len()).expect("padded just now");
                let member = match member.field {
                    Some(field) if member.within.is_empty() => Member::Field(field),
                    _ => Member::Within,
                };
                Entry { first, last, length: name.len(), member, name: name.as_bytes().into() }
            })
            .collect();
        // Two names of the same length, beginning and end cannot be told apart by the hash: both go the slow way.
        let mut bits = names.len().next_power_of_two().trailing_zeros() + 3;
        let mut factor = 0x9E37_79B9_7F4A_7C15u64;
        let alike = |a: &Entry, b: &Entry| (a.first, a.last, a.length) == (b.first, b.last, b.length);
        let mut kept: Vec<Entry> = vec![];
        for entry in names {
            match kept.iter_mut().find(|known| alike(known, &entry)) {
                Some(known) => (known.member, known.name) = (Member::Within, [].into()),
                None => kept.push(entry),
            }
        }
        loop {
            let mut table = Names { entries: vec![empty.clone(); 1 << bits], factor, shift: 64 - bits };
            let free = kept.iter().all(|entry| {
                let place = table.place(entry.first, entry.last, entry.length);
                let is_free = table.entries[place].length == usize::MAX;
                table.entries[place] = entry.clone();
                is_free
            });
            if free {
                return table;
            }
            factor = factor.wrapping_mul(0xD134_2543_DE82_EF95) | 1;
            bits = (bits + 1).min(20);
        }
    }

    /// What the name `block[at..at + length]` is; `None` if it stands too near the block's end to be looked at.
    #[inline]
    pub(crate) fn find(&self, block: &[u8], at: usize, length: usize) -> Option<Member> {
        let (first, last) = words(block, at, length)?;
        let entry = &self.entries[self.place(first, last, length)];
        if entry.length != length || entry.first != first || entry.last != last {
            return Some(Member::Unread);
        }
        if length > 16 && entry.member != Member::Within && *entry.name != block[at..at + length] {
            return Some(Member::Unread);
        }
        Some(entry.member)
    }

    #[inline]
    fn place(&self, first: u64, last: u64, length: usize) -> usize {
        let mixed = (first ^ last.rotate_left(29) ^ (length as u64).rotate_left(56)).wrapping_mul(self.factor);
        (mixed >> self.shift) as usize
    }
}

/// The first and the last eight bytes of a name; of a shorter one all its bytes, twice.
#[inline]
fn words(block: &[u8], at: usize, length: usize) -> Option<(u64, u64)> {
    let mask = MASKS[length.min(8)];
    let first = word(block, at)? & mask;
    let last = word(block, at + length.max(8) - 8)? & mask;
    Some((first, last))
}

/// Eight bytes of the block.
#[inline]
pub(crate) fn word(block: &[u8], at: usize) -> Option<u64> {
    let bytes = block.get(at..at + 8)?;
    Some(u64::from_le_bytes(bytes.try_into().expect("eight bytes")))
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
        let within =
            names.iter().enumerate().map(|(i, name)| (name.clone(), Members { field: Some(i), within: vec![] }));
        let table = Names::new(&Members { field: None, within: within.collect() });
        let find = |name: &str| table.find(format!("{name}        ").as_bytes(), 0, name.len());
        for (i, name) in names.iter().enumerate() {
            let slow = alike.contains(&name.as_str());
            assert_eq!(find(name), Some(if slow { Member::Within } else { Member::Field(i) }), "{name}");
        }
        for name in ["column60", "a_very_long_member_name_3x", "b", "abcdefghijklmnoXq", "\0", "column"] {
            assert_eq!(find(name), Some(Member::Unread), "{name}");
        }
        assert_eq!(table.find(b"abc", 0, 3), None);
    }
}
