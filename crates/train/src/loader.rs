//! Batches prepared by a thread of their own while the device computes.

use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use dst_core::{Batch, Dataset, Error, Result, SeedStreams, Split};
use tch::Device;

/// Batches that are prepared beyond the one in use: enough for the device never to wait, and
/// few, because they lie in its memory.
const AHEAD: usize = 2;

/// The micro-batch `number` of a training, augmented. Whoever calls it and whenever, the result
/// is the same, bit for bit: what is random depends on the seed and the number alone.
///
/// # Errors
/// If the data set or libtorch refuses.
pub(crate) fn prepare(
    dataset: &dyn Dataset,
    streams: &SeedStreams,
    device: Device,
    number: u64,
    rows: &[i64],
) -> Result<Batch> {
    let mut augment = streams.stream(&format!("augment/{number}"));
    let mut batch = dataset.batch(Split::Train, rows, device)?;
    dataset.augment(&mut batch, &mut augment)?;
    Ok(batch)
}

/// A thread that prepares batches in the order in which they are asked for.
///
/// Nothing of it is saved: what it holds is made again after a restart.
#[derive(Debug)]
pub(crate) struct Loader {
    /// None only while it is dropped.
    jobs: Option<Sender<(u64, Vec<i64>)>>,
    batches: Receiver<Result<Batch>>,
    /// Numbers of the batches that were asked for and not yet taken, in order.
    ordered: VecDeque<u64>,
    thread: Option<JoinHandle<()>>,
}

impl Loader {
    /// Starts the thread.
    ///
    /// # Errors
    /// If the system refuses one.
    pub(crate) fn start(
        dataset: Box<dyn Dataset>,
        streams: SeedStreams,
        device: Device,
    ) -> Result<Self> {
        let (jobs, asked) = channel::<(u64, Vec<i64>)>();
        let (ready, batches) = channel();
        let work = move || {
            for (number, rows) in asked {
                let batch = prepare(&*dataset, &streams, device, number, &rows);
                if ready.send(batch).is_err() {
                    return;
                }
            }
        };
        let thread = std::thread::Builder::new().name("loader".to_owned()).spawn(work);
        let thread = thread.map_err(|error| {
            Error::contract(format!("the thread that prepares batches did not start: {error}"))
        })?;
        Ok(Self { jobs: Some(jobs), batches, ordered: VecDeque::new(), thread: Some(thread) })
    }

    /// The first of the `upcoming` micro-batches, numbers with rows; the next ones are prepared
    /// meanwhile.
    ///
    /// # Errors
    /// If it could not be prepared.
    pub(crate) fn take<'b>(
        &mut self,
        upcoming: impl Iterator<Item = (u64, &'b [i64])>,
    ) -> Result<Batch> {
        let mut upcoming = upcoming.take(1 + AHEAD).peekable();
        let first = upcoming.peek().map(|(number, _)| *number);
        // A jump makes what was prepared useless.
        while !self.ordered.is_empty() && self.ordered.front() != first.as_ref() {
            let _ = self.receive()?;
        }
        for (place, (number, rows)) in upcoming.enumerate() {
            if self.ordered.len() == place {
                let jobs = self.jobs.as_ref().ok_or_else(died)?;
                jobs.send((number, rows.to_vec())).map_err(|_| died())?;
                self.ordered.push_back(number);
            }
        }
        self.receive()?
    }

    fn receive(&mut self) -> Result<Result<Batch>> {
        self.ordered.pop_front();
        self.batches.recv().map_err(|_| died())
    }
}

fn died() -> Error {
    Error::contract("the thread that prepares batches is gone")
}

impl Drop for Loader {
    fn drop(&mut self) {
        // The thread ends when nobody can ask for more.
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::toy::Blobs;
    use dst_core::Input;

    fn pixels(batch: &Batch) -> Vec<f32> {
        let Input::Image(pictures) = &batch.input else { panic!("blobs are pictures") };
        Vec::try_from(pictures.flatten(0, -1)).unwrap()
    }

    #[test]
    fn batches_come_in_the_order_asked_for_and_a_jump_is_followed() {
        let blobs = Blobs::default();
        let streams = SeedStreams::new(3);
        let fork = blobs.fork().unwrap();
        let mut loader = Loader::start(fork, streams, Device::Cpu).unwrap();
        let rows: Vec<Vec<i64>> = (0..6).map(|number| vec![number, 10 + number]).collect();
        for first in [0, 1, 2, 4, 5, 1, 2] {
            let upcoming = (0..).zip(&rows).skip(first).map(|(number, rows)| (number, &rows[..]));
            let batch = loader.take(upcoming).unwrap();
            let own = prepare(&blobs, &streams, Device::Cpu, first as u64, &rows[first]).unwrap();
            assert_eq!(pixels(&batch), pixels(&own), "{first}");
            assert_eq!(batch.target, own.target);
        }
    }

    /// A row that does not exist makes libtorch complain in the thread.
    #[test]
    fn an_error_of_the_thread_reaches_who_asks() {
        let fork = Blobs::default().fork().unwrap();
        let mut loader = Loader::start(fork, SeedStreams::new(3), Device::Cpu).unwrap();
        assert!(loader.take([(0, &[1_000_000i64][..])].into_iter()).is_err());
        assert!(loader.take([(1, &[0i64][..])].into_iter()).is_ok());
    }
}
