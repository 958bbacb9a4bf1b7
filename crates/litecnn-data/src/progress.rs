/// How a fetch goes, told as it goes.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Progress {
    /// Another process is fetching the same set; its work is awaited.
    Waiting,
    /// A source is being tried.
    Trying {
        /// The address or package.
        source: String,
    },
    /// More has arrived from the source being tried.
    Received {
        /// Bytes received from this source so far (compressed, if it compresses).
        bytes: u64,
        /// Seconds since it was begun.
        seconds: f64,
    },
    /// A file was verified and is in the cache.
    Stored {
        /// Its canonical name.
        file: String,
        /// Its size.
        bytes: u64,
    },
    /// A source did not give everything that was missing.
    Failed {
        /// The address or package.
        source: String,
        /// Why.
        reason: String,
    },
    /// The set is complete.
    Done {
        /// The source that completed it.
        source: String,
        /// Bytes received from it.
        bytes: u64,
        /// Seconds it took.
        seconds: f64,
    },
}

/// Counts what arrives from one source and passes it on.
pub(crate) struct Meter<'a> {
    pub(crate) tell: &'a mut dyn FnMut(Progress),
    pub(crate) start: std::time::Instant,
    pub(crate) bytes: u64,
}

impl<'a> Meter<'a> {
    pub(crate) fn new(tell: &'a mut dyn FnMut(Progress)) -> Self {
        Self { tell, start: std::time::Instant::now(), bytes: 0 }
    }

    pub(crate) fn seconds(&self) -> f64 {
        self.start.elapsed().as_secs_f64()
    }

    pub(crate) fn received(&mut self, bytes: u64) {
        self.at_least(self.bytes + bytes);
    }

    /// For sources that are watched from outside, whose files on disk come and go.
    pub(crate) fn at_least(&mut self, bytes: u64) {
        self.bytes = self.bytes.max(bytes);
        let seconds = self.seconds();
        (self.tell)(Progress::Received { bytes: self.bytes, seconds });
    }
}

/// A reader whose bytes are counted by a [`Meter`].
pub(crate) struct Metered<'a, 'b, R> {
    pub(crate) inner: R,
    pub(crate) meter: &'a mut Meter<'b>,
}

impl<R: std::io::Read> std::io::Read for Metered<'_, '_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let n = self.inner.read(buffer)?;
        self.meter.received(n as u64);
        Ok(n)
    }
}
