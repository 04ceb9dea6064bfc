//! Where passes compute: instructions, threads and memory to work in.

use crate::Error;
use crate::instructions::{Instructions, Level};
use crate::team::{Team, Threads};
use crate::tile::{ROW_BLOCK, TILE, Tile};
use crate::vector::LANES;

/// Instruction set, threads and memory of the passes; kept from call to call, because memory is
/// only ever grown and threads start once.
///
/// Results are the same bits whatever the instruction set and the number of threads. One workspace
/// serves any number of layers, one after the other.
///
/// ```
/// use dst_kernels::Workspace;
/// let mut one = Workspace::new();
/// let mut several = Workspace::with_threads(4)?;
/// assert_eq!((one.threads(), several.threads()), (1, 4));
/// # Ok::<(), dst_kernels::Error>(())
/// ```
#[derive(Debug)]
pub struct Workspace {
    pub(crate) level: Level,
    pub(crate) threads: Threads,
    pub(crate) scratch: Scratch,
}

impl Workspace {
    /// The calling thread only, and the widest instructions of this processor.
    pub fn new() -> Self {
        Self { level: Level::best(), threads: Threads::one(), scratch: Scratch::default() }
    }

    /// The calling thread and `count - 1` others, which sleep between passes. A pass that takes
    /// a few microseconds stays on the calling thread. 0 counts as 1.
    ///
    /// # Errors
    /// If the threads do not start.
    pub fn with_threads(count: usize) -> Result<Self, Error> {
        Ok(Self { threads: Threads::pool(count)?, ..Self::new() })
    }

    /// The calling thread and others of this team, `count` in all. 0 counts as 1.
    ///
    /// ```
    /// use dst_kernels::{Team, Workspace};
    /// #[derive(Debug)]
    /// struct Alone;
    /// impl Team for Alone {
    ///     fn run(&self, _: usize, work: &(dyn Fn() + Sync)) {
    ///         work();
    ///     }
    /// }
    /// assert_eq!(Workspace::with_team(2, Alone).threads(), 2);
    /// ```
    pub fn with_team(count: usize, team: impl Team + 'static) -> Self {
        Self { threads: Threads::team(count, Box::new(team)), ..Self::new() }
    }

    /// Uses these instructions instead, to test or to compare.
    ///
    /// # Errors
    /// If this processor lacks them.
    pub fn instructed(self, instructions: Instructions) -> Result<Self, Error> {
        Ok(Self { level: Level::of(instructions)?, ..self })
    }

    /// What the passes use.
    pub fn instructions(&self) -> Instructions {
        self.level.instructions()
    }

    /// Threads, the calling one included.
    pub fn threads(&self) -> usize {
        self.threads.count()
    }

    /// Bytes that the passes have reserved to work in; see [`Pattern::bytes`](crate::Pattern::bytes) for those of a layer.
    pub fn bytes(&self) -> usize {
        self.scratch.bytes()
    }

    /// Gives back the memory to work in.
    pub fn shrink(&mut self) {
        self.scratch = Scratch::default();
    }
}

impl Default for Workspace {
    fn default() -> Self {
        Self::new()
    }
}

/// Memory that outlasts a pass.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    /// The packed side of a pass.
    pub(crate) packed: Buffer,
    /// Values in the order of transposed lists.
    pub(crate) values: Buffer,
    /// Sums or gradients of one tile, for each thread.
    sums: Vec<Buffer>,
    pub(crate) tiles: Vec<Tile>,
}

impl Scratch {
    fn bytes(&self) -> usize {
        let buffers = [&self.packed, &self.values].into_iter().chain(&self.sums);
        buffers.map(|buffer| size_of_val(&*buffer.floats)).sum::<usize>()
            + self.tiles.capacity() * size_of::<Tile>()
    }

    /// Packed side, values, tiles, and sums for so many threads.
    pub(crate) fn split(
        &mut self,
        parts: usize,
    ) -> (&mut Buffer, &mut Buffer, &mut Vec<Tile>, &mut [Buffer]) {
        if self.sums.len() < parts {
            self.sums.resize_with(parts, Buffer::default);
        }
        (&mut self.packed, &mut self.values, &mut self.tiles, &mut self.sums[..parts])
    }
}

/// Floats that begin with a line of the cache.
#[derive(Debug, Default)]
pub(crate) struct Buffer {
    floats: Vec<f32>,
}

impl Buffer {
    /// The first `len` floats, with whatever was written to them before.
    pub(crate) fn take(&mut self, len: usize) -> &mut [f32] {
        const LINE: usize = 64;
        if self.floats.len() < len + LANES {
            // Not a copy of what is about to be overwritten.
            self.floats = vec![0.0; len + LANES];
        }
        let start = self.floats.as_ptr().align_offset(LINE).min(LANES);
        &mut self.floats[start..start + len]
    }

    /// Room for what a kernel keeps of one block of rows.
    pub(crate) fn take_sums(&mut self) -> &mut [f32] {
        self.take(ROW_BLOCK * TILE)
    }
}
