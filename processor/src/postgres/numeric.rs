//! Decimals in binary: groups of four digits on both sides of the point.

/// Appends a decimal that is written in plain digits.
pub(super) fn write(text: &str, out: &mut Vec<u8>) -> Result<(), String> {
    let (is_negative, text) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if !whole.bytes().chain(fraction.bytes()).all(|byte| byte.is_ascii_digit()) {
        return Err(format!("`{text}` is no decimal"));
    }
    let before = format!("{}{whole}", "0".repeat((4 - whole.len() % 4) % 4));
    let after = format!("{fraction}{}", "0".repeat((4 - fraction.len() % 4) % 4));
    let group = |digits: &[u8]| digits.iter().fold(0_u16, |group, digit| group * 10 + u16::from(digit - b'0'));
    let mut groups: Vec<u16> = before.as_bytes().chunks(4).map(group).collect();
    let mut weight = groups.len() as i16 - 1;
    groups.extend(after.as_bytes().chunks(4).map(group));
    let leading = groups.iter().take_while(|group| **group == 0).count();
    groups.drain(..leading);
    weight -= leading as i16;
    while groups.last() == Some(&0) {
        groups.pop();
    }
    let (weight, sign) = match groups.is_empty() {
        true => (0, 0),
        false => (weight, if is_negative { 0x4000_u16 } else { 0 }),
    };
    out.extend_from_slice(&(groups.len() as u16).to_be_bytes());
    out.extend_from_slice(&weight.to_be_bytes());
    out.extend_from_slice(&sign.to_be_bytes());
    out.extend_from_slice(&(fraction.len() as u16).to_be_bytes());
    groups.iter().for_each(|group| out.extend_from_slice(&group.to_be_bytes()));
    Ok(())
}

/// The decimal of these bytes in plain digits; none if they are none.
pub(super) fn read(bytes: &[u8]) -> Option<String> {
    let word = |at: usize| Some(u16::from_be_bytes([*bytes.get(at)?, *bytes.get(at + 1)?]));
    let (count, weight, sign, scale) = (word(0)?, word(2)? as i16, word(4)?, word(6)?);
    if bytes.len() != 8 + 2 * usize::from(count) || scale > 1000 || !matches!(sign, 0 | 0x4000) {
        return None;
    }
    let groups = (0..usize::from(count)).map(|i| word(8 + 2 * i)).collect::<Option<Vec<_>>>()?;
    if groups.iter().any(|group| *group > 9999) || !(-250..=250).contains(&weight) {
        return None;
    }
    let group = |place: i32| {
        let at = i32::from(weight) - place;
        usize::try_from(at).ok().and_then(|at| groups.get(at)).copied().unwrap_or(0)
    };
    let whole: String = (0..=i32::from(weight).max(0)).rev().map(|place| format!("{:04}", group(place))).collect();
    let places = i32::from(scale.div_ceil(4));
    let mut fraction: String = (1..=places).map(|place| format!("{:04}", group(-place))).collect();
    fraction.truncate(usize::from(scale));
    let whole = whole.trim_start_matches('0');
    let sign = if sign == 0x4000 { "-" } else { "" };
    let whole = if whole.is_empty() { "0" } else { whole };
    Some(if fraction.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_come_back_with_every_digit() {
        for text in [
            "0",
            "1",
            "-1",
            "9999",
            "10000",
            "0.000000001",
            "-12.345000000",
            "100000000",
            "1.5",
            "0.00",
            "99999999999999999999999999999.999999999",
            "-0.0001",
        ] {
            let mut bytes = vec![];
            write(text, &mut bytes).unwrap();
            assert_eq!(read(&bytes).as_deref(), Some(text), "{bytes:?}");
        }
        // As a server sends 12.5: two groups, the second 5000, one digit behind the point.
        let mut bytes = vec![];
        write("12.5", &mut bytes).unwrap();
        assert_eq!(bytes, [0, 2, 0, 0, 0, 0, 0, 1, 0, 12, 0x13, 0x88]);
        assert!(write("1e5", &mut vec![]).is_err());
        for broken in [
            &[][..],
            &[0; 7],
            &[0, 1, 0, 0, 0, 0, 0, 0],
            &[0, 1, 0, 0, 0, 0, 0, 0, 0xff, 0xff],
            &[0, 0, 0x7f, 0xff, 0, 0, 0, 0],
        ] {
            assert_eq!(read(broken), None, "{broken:?}");
        }
    }
}
