//! One operation, and how it lies in a file.

/// Most operations of a model.
pub const MAX_OPERATIONS: usize = 255;

/// Bytes of an operation in a file.
pub(crate) const RECORD: usize = 24;

/// The number that stands for no value.
pub(crate) const NOTHING: u16 = 0xffff;

/// One step of a model that is a list of them. Values are numbered: 0 is the image, `n` what the `n`th operation gives,
/// counted from 1.
///
/// Of the outcome, what [`Operation::added`] names is added, then comes the activation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Operation {
    /// What is computed.
    pub kind: OperationKind,
    /// The value it reads.
    pub from: u16,
    /// A value of the same shape as the outcome.
    pub added: Option<u16>,
    /// What the sum goes through.
    pub activation: Activation,
    /// Channels that come out, 1 to 4,096.
    pub outputs: u16,
    /// Blocks of channels that do not see each other; divides channels in and out. 1 for poolings.
    pub groups: u16,
    /// Height and width of the kernel or window, 1 to 255.
    pub kernel: [u8; 2],
    /// Vertical and horizontal step, 1 to 255.
    pub stride: [u8; 2],
    /// Rows above and below, columns on the left and on the right; less than the kernel.
    pub padding: [u8; 2],
}

/// What an [`Operation`] computes. A dense layer is a convolution whose kernel is as large as its map; the mean of all
/// positions an average of one window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OperationKind {
    /// A cross-correlation with a bias; around the map are zeros.
    Convolution,
    /// The largest value of each window, as far as it lies in the map.
    MaxPool,
    /// The sum of each window over the number of its places, those beyond the map included.
    AveragePool,
}

/// What follows an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Activation {
    /// Nothing.
    #[default]
    None,
    /// Negative values become zero.
    Relu,
    /// And values above 6 become 6.
    Relu6,
}

impl Activation {
    /// Least and largest value that come out.
    pub(crate) fn bounds(self) -> [f32; 2] {
        match self {
            Self::None => [f32::NEG_INFINITY, f32::INFINITY],
            Self::Relu => [0.0, f32::INFINITY],
            Self::Relu6 => [0.0, 6.0],
        }
    }
}

impl Operation {
    /// Height and width of what comes out of a map of such sides; none if no window fits.
    pub fn sides(&self, map: [usize; 2]) -> Option<[usize; 2]> {
        let mut sides = [0; 2];
        for i in 0..2 {
            let (kernel, stride) = (usize::from(self.kernel[i]), usize::from(self.stride[i]));
            let room = (map[i] + 2 * usize::from(self.padding[i])).checked_sub(kernel)?;
            sides[i] = room.checked_div(stride)? + 1;
        }
        Some(sides)
    }

    /// Whether each channel is seen alone, by one kernel.
    pub(crate) fn is_depthwise(&self, channels: usize) -> bool {
        let groups = usize::from(self.groups);
        self.kind == OperationKind::Convolution && groups == channels && groups == usize::from(self.outputs)
    }

    /// Weights and biases with `channels` coming in.
    pub(crate) fn weights(&self, channels: usize) -> u64 {
        if self.kind != OperationKind::Convolution {
            return 0;
        }
        let taps = u64::from(self.kernel[0]) * u64::from(self.kernel[1]);
        u64::from(self.outputs) * (taps * (channels / usize::from(self.groups)) as u64 + 1)
    }
}

/// A value in the working memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Value {
    pub(crate) channels: usize,
    pub(crate) height: usize,
    pub(crate) width: usize,
    /// Where it starts, in words.
    pub(crate) place: usize,
}

impl Value {
    /// Below 2^46.
    pub(crate) fn len(&self) -> u64 {
        self.channels as u64 * self.height as u64 * self.width as u64
    }

    pub(crate) fn sides(&self) -> [usize; 2] {
        [self.height, self.width]
    }
}

/// The operations of a file, which are borrowed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Operations<'a> {
    pub(crate) image: Value,
    pub(crate) records: &'a [[u8; RECORD]],
}

impl Operations<'_> {
    /// Number of operations, and of the last value.
    pub(crate) fn len(&self) -> usize {
        self.records.len()
    }

    /// Operation `index`, counted from 1; none if a number in it has no meaning.
    pub(crate) fn get(&self, index: usize) -> Option<Operation> {
        let record = &self.records[index - 1];
        let kind = match record[0] {
            1 => OperationKind::Convolution,
            2 => OperationKind::MaxPool,
            3 => OperationKind::AveragePool,
            _ => return None,
        };
        let activation = match record[1] {
            0 => Activation::None,
            1 => Activation::Relu,
            2 => Activation::Relu6,
            _ => return None,
        };
        Some(Operation {
            kind,
            activation,
            from: number(record, 2),
            added: Some(number(record, 4)).filter(|&value| value != NOTHING),
            groups: number(record, 6),
            outputs: number(record, 8),
            kernel: [record[14], record[15]],
            stride: [record[16], record[17]],
            padding: [record[18], record[19]],
        })
    }

    /// Value `index`, as its operation's record has it.
    pub(crate) fn value(&self, index: usize) -> Value {
        if index == 0 {
            return self.image;
        }
        let record = &self.records[index - 1];
        let side = |at| usize::from(number(record, at));
        let place = usize::from(number(record, 20)) | usize::from(number(record, 22)) << 16;
        Value { channels: side(8), height: side(10), width: side(12), place }
    }
}

fn number(record: &[u8; RECORD], at: usize) -> u16 {
    u16::from_le_bytes([record[at], record[at + 1]])
}

#[cfg(feature = "alloc")]
impl Operation {
    /// As a file has it.
    pub(crate) fn record(&self, [height, width]: [u16; 2], place: u32) -> [u8; RECORD] {
        let mut record = [0; RECORD];
        record[0] = match self.kind {
            OperationKind::Convolution => 1,
            OperationKind::MaxPool => 2,
            OperationKind::AveragePool => 3,
        };
        record[1] = match self.activation {
            Activation::None => 0,
            Activation::Relu => 1,
            Activation::Relu6 => 2,
        };
        let numbers = [self.from, self.added.unwrap_or(NOTHING), self.groups, self.outputs, height, width];
        for (to, number) in record[2..14].as_chunks_mut::<2>().0.iter_mut().zip(numbers) {
            *to = number.to_le_bytes();
        }
        record[14..16].copy_from_slice(&self.kernel);
        record[16..18].copy_from_slice(&self.stride);
        record[18..20].copy_from_slice(&self.padding);
        record[20..].copy_from_slice(&place.to_le_bytes());
        record
    }
}
