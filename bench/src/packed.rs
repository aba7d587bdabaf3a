//! Items as bytes, for the file of the [`store`](crate::store).
//!
//! Every string, set and map begins with its length: 4 bytes, little-endian. Every value begins with a tag.

use std::collections::HashMap;

use serde_dynamo::{AttributeValue, Item};

/// Packs an item.
pub fn pack(item: &Item) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(256);
    write_map(&mut bytes, item.inner());
    bytes
}

/// Unpacks an item that [`pack`] packed. None if the bytes have another format.
pub fn unpack(bytes: &[u8]) -> Option<Item> {
    let mut rest = bytes;
    let item = read_map(&mut rest)?;
    rest.is_empty().then(|| item.into())
}

fn write_bytes(bytes: &mut Vec<u8>, content: &[u8]) {
    bytes.extend((content.len() as u32).to_le_bytes());
    bytes.extend(content);
}

fn write_map(bytes: &mut Vec<u8>, map: &HashMap<String, AttributeValue>) {
    bytes.extend((map.len() as u32).to_le_bytes());
    for (name, attribute) in map {
        write_bytes(bytes, name.as_bytes());
        write_value(bytes, attribute);
    }
}

fn write_value(bytes: &mut Vec<u8>, attribute: &AttributeValue) {
    let mut tagged = |tag: u8, content: &[u8]| {
        bytes.push(tag);
        write_bytes(bytes, content);
    };
    match attribute {
        AttributeValue::N(digits) => tagged(b'n', digits.as_bytes()),
        AttributeValue::S(text) => tagged(b's', text.as_bytes()),
        AttributeValue::B(blob) => tagged(b'b', blob),
        AttributeValue::Bool(flag) => tagged(b'f', &[u8::from(*flag)]),
        AttributeValue::Null(flag) => tagged(b'0', &[u8::from(*flag)]),
        AttributeValue::M(members) => {
            bytes.push(b'm');
            write_map(bytes, members);
        }
        AttributeValue::L(members) => {
            bytes.push(b'l');
            bytes.extend((members.len() as u32).to_le_bytes());
            members.iter().for_each(|member| write_value(bytes, member));
        }
        AttributeValue::Ss(set) => write_set(bytes, b'S', set.iter().map(String::as_bytes)),
        AttributeValue::Ns(set) => write_set(bytes, b'N', set.iter().map(String::as_bytes)),
        AttributeValue::Bs(set) => write_set(bytes, b'B', set.iter().map(Vec::as_slice)),
    }
}

fn write_set<'a>(bytes: &mut Vec<u8>, tag: u8, set: impl ExactSizeIterator<Item = &'a [u8]>) {
    bytes.push(tag);
    bytes.extend((set.len() as u32).to_le_bytes());
    set.for_each(|member| write_bytes(bytes, member));
}

fn read_length(rest: &mut &[u8]) -> Option<usize> {
    let (length, after) = rest.split_first_chunk::<4>()?;
    *rest = after;
    Some(u32::from_le_bytes(*length) as usize)
}

fn read_bytes(rest: &mut &[u8]) -> Option<Vec<u8>> {
    let length = read_length(rest)?;
    let (blob, after) = rest.split_at_checked(length)?;
    *rest = after;
    Some(blob.to_vec())
}

fn read_text(rest: &mut &[u8]) -> Option<String> {
    String::from_utf8(read_bytes(rest)?).ok()
}

fn read_map(rest: &mut &[u8]) -> Option<HashMap<String, AttributeValue>> {
    (0..read_length(rest)?).map(|_| Some((read_text(rest)?, read_value(rest)?))).collect()
}

fn read_value(rest: &mut &[u8]) -> Option<AttributeValue> {
    let (tag, after) = rest.split_first()?;
    *rest = after;
    Some(match tag {
        b'n' => AttributeValue::N(read_text(rest)?),
        b's' => AttributeValue::S(read_text(rest)?),
        b'b' => AttributeValue::B(read_bytes(rest)?),
        b'f' => AttributeValue::Bool(read_bytes(rest)? == [1]),
        b'0' => AttributeValue::Null(read_bytes(rest)? == [1]),
        b'm' => AttributeValue::M(read_map(rest)?),
        b'l' => AttributeValue::L((0..read_length(rest)?).map(|_| read_value(rest)).collect::<Option<_>>()?),
        b'S' => AttributeValue::Ss((0..read_length(rest)?).map(|_| read_text(rest)).collect::<Option<_>>()?),
        b'N' => AttributeValue::Ns((0..read_length(rest)?).map(|_| read_text(rest)).collect::<Option<_>>()?),
        b'B' => AttributeValue::Bs((0..read_length(rest)?).map(|_| read_bytes(rest)).collect::<Option<_>>()?),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_item_of_every_type_unpacks_to_the_same_item() {
        let all = AttributeValue::L(vec![
            AttributeValue::N("-1.5".into()),
            AttributeValue::S("é".into()),
            AttributeValue::Bool(true),
            AttributeValue::Bool(false),
            AttributeValue::B(vec![0, 255]),
            AttributeValue::Null(true),
            AttributeValue::M(HashMap::from([(String::new(), AttributeValue::L(Vec::new()))])),
            AttributeValue::Ss(vec!["a".into(), "b".into()]),
            AttributeValue::Ns(vec!["1".into()]),
            AttributeValue::Bs(vec![vec![1], Vec::new()]),
        ]);
        let item: Item =
            HashMap::from([("all".to_owned(), all), ("one".to_owned(), AttributeValue::S("x".into()))])
                .into();
        let bytes = pack(&item);
        assert_eq!(unpack(&bytes), Some(item));
        assert_eq!(unpack(&bytes[..bytes.len() - 1]), None);
        assert_eq!(unpack(b"?"), None);
    }
}
