//! The frame of TFRecord files: length, checksum of the length, data, checksum of the data, all
//! numbers in little endian.

use prost::Message;

/// Appends one record.
pub(crate) fn append(file: &mut Vec<u8>, message: &impl Message) {
    let data = message.encode_to_vec();
    let length = (data.len() as u64).to_le_bytes();
    file.extend(length);
    file.extend(checksum(&length).to_le_bytes());
    file.extend(&data);
    file.extend(checksum(&data).to_le_bytes());
}

/// CRC-32C, rotated and shifted because checksums of data that hold checksums are weak.
fn checksum(bytes: &[u8]) -> u32 {
    crc32c::crc32c(bytes).rotate_right(15).wrapping_add(0xa282_ead8)
}

/// Takes a file apart and verifies every checksum.
#[cfg(test)]
pub(crate) fn read<M: Message + Default>(mut file: &[u8]) -> Result<Vec<M>, String> {
    fn take<'a>(file: &mut &'a [u8], count: usize) -> Result<&'a [u8], String> {
        let (head, tail) = file.split_at_checked(count).ok_or("the file ends within a record")?;
        *file = tail;
        Ok(head)
    }
    fn verified<'a>(file: &mut &'a [u8], count: usize) -> Result<&'a [u8], String> {
        let data = take(file, count)?;
        let expected = take(file, 4)?;
        let fits = checksum(data).to_le_bytes() == expected;
        fits.then_some(data).ok_or_else(|| "a checksum is wrong".to_owned())
    }
    let mut messages = Vec::new();
    while !file.is_empty() {
        let length = verified(&mut file, 8)?;
        let length = u64::from_le_bytes(length.try_into().map_err(|_| "no length")?);
        let data = verified(&mut file, length as usize)?;
        messages.push(M::decode(data).map_err(|error| error.to_string())?);
    }
    Ok(messages)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Event;

    fn event(step: i64) -> Event {
        Event { step, wall_time: 1.5, ..Event::default() }
    }

    #[test]
    fn bytes_are_those_of_tensorboard() {
        let version = Event {
            wall_time: 1.0,
            file_version: Some("brain.Event:2".to_owned()),
            ..Event::default()
        };
        let mut file = Vec::new();
        append(&mut file, &version);
        let hex: String = file.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, EXPECTED);
    }

    /// From TensorBoard 2.21: `RecordWriter(buffer).write(Event(wall_time=1.0,
    /// file_version="brain.Event:2").SerializeToString())`.
    const EXPECTED: &str =
        "1800000000000000a37f4b2209000000000000f03f1a0d627261696e2e4576656e743a3286bf577a";

    #[test]
    fn records_come_back_and_damage_is_noticed() {
        let mut file = Vec::new();
        for step in [0, 1, -1, i64::MAX] {
            append(&mut file, &event(step));
        }
        let steps: Vec<i64> = read::<Event>(&file).unwrap().iter().map(|e| e.step).collect();
        assert_eq!(steps, [0, 1, -1, i64::MAX]);
        for place in 0..file.len() {
            let mut damaged = file.clone();
            damaged[place] ^= 1;
            assert!(read::<Event>(&damaged).is_err(), "byte {place}");
        }
        assert!(read::<Event>(&file[..file.len() - 1]).is_err());
    }
}
