//! A loaded model and how it answers.

use crate::conv::{self, Layer, Sink};
use crate::dense::{dense, head, relu, softmax};
use crate::error::{LoadError, PredictError};
use crate::format::{self, List, Names, Weights};
use crate::group::group;
use crate::int8;
use crate::operations::{self, Form, Operation};
use crate::pictures::Pictures;
use crate::planes::{FromImage, Pixel, Scaling, from_pooled, to_features};
use crate::shape::padded;
use crate::simd::{MAX_WIDTH, Simd, Task, Windows, line_offset, words_of_floats};
use crate::{Architecture, Level};

/// A model in a file's bytes, which are borrowed, not copied.
#[derive(Debug, Clone)]
pub struct Model<'a> {
    pub(crate) architecture: Architecture,
    pub(crate) scaling: Scaling,
    pictures: Option<Pictures>,
    names: Names<'a>,
    /// Empty if they are integers.
    pub(crate) weights: &'a [f32],
    integers: Option<&'a [u32]>,
    /// If the model is one.
    list: Option<List<'a>>,
    level: Level,
    pub(crate) layout: Layout,
}

/// How an image lies in memory. Means the same for a grey one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Layout {
    /// `[height][width][channel]`, as decoded pictures come.
    #[default]
    Hwc,
    /// `[channel][height][width]`, as libtorch, CIFAR-10's files and NCHW tensors have it.
    Chw,
}

impl<'a> Model<'a> {
    /// Reads a model file. Weights are used where they are, so the bytes must start at a multiple of 4 in memory:
    /// see [`include_model!`](crate::include_model) and `AlignedBytes`.
    ///
    /// # Errors
    /// [`LoadError`] if it is not a whole, undamaged file of a version and kind known here, or is not aligned.
    pub fn from_bytes(bytes: &'a [u8]) -> Result<Self, LoadError> {
        let format::Content { architecture, scaling, pictures, names, weights, operations } = format::parse(bytes)?;
        let (weights, integers): (&[f32], _) = match weights {
            Weights::Floats(weights) => (weights, None),
            Weights::Integers(words) => (&[], Some(words)),
        };
        let (level, layout) = (Level::detect(), Layout::Hwc);
        Ok(Self { architecture, scaling, pictures, names, weights, integers, list: operations, level, layout })
    }

    /// With other instructions than the best ones there are.
    #[must_use]
    pub fn with_level(self, level: Level) -> Self {
        Self { level, ..self }
    }

    /// For images that lie in another way than the usual [`Layout::Hwc`].
    #[must_use]
    pub fn with_layout(self, layout: Layout) -> Self {
        Self { layout, ..self }
    }

    /// Its shape.
    pub fn architecture(&self) -> &Architecture {
        &self.architecture
    }

    /// What becomes of `u8` pixels.
    pub fn scaling(&self) -> Scaling {
        self.scaling
    }

    /// How pictures were made into the images it was trained on, if the file tells.
    pub fn pictures(&self) -> Option<Pictures> {
        self.pictures
    }

    /// Whether its weights are 8-bit integers, so that all is integers between pixels and logits.
    pub fn is_int8(&self) -> bool {
        self.integers.is_some()
    }

    /// The operations it is a list of, first to last; none of one or two branches.
    pub fn operations(&self) -> impl Iterator<Item = Operation> + '_ {
        let operations = self.list.map(|list| list.operations);
        operations.into_iter().flat_map(|list| (1..=list.len()).filter_map(move |index| list.get(index)))
    }

    /// The instructions it runs with.
    pub fn level(&self) -> Level {
        self.level
    }

    /// Number of classes: values that an image is answered with.
    pub fn classes(&self) -> usize {
        self.architecture.classes()
    }

    /// Values of an image.
    pub fn pixels(&self) -> usize {
        self.architecture.pixels()
    }

    /// Names of the classes, first to last.
    pub fn class_names(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        self.names.clone()
    }

    /// Floats of working memory, whatever the number of images.
    pub fn scratch_len(&self) -> usize {
        self.architecture.scratch_len()
    }

    /// Floats of working memory with which batches are answered faster: see [`Architecture::batch_scratch_len`].
    pub fn batch_scratch_len(&self) -> usize {
        self.architecture.batch_scratch_len()
    }

    /// Prepares the weights for the kernels in the first part of `scratch`, once for many images. With
    /// [`Model::batch_scratch_len`] floats or more, [`Level::width`] images of a batch are answered at once, to the
    /// same bits.
    ///
    /// # Errors
    /// [`PredictError::Scratch`] if there are fewer than [`Model::scratch_len`] floats.
    pub fn session<'m, 's>(&'m self, scratch: &'s mut [f32]) -> Result<Session<'m, 's>, PredictError> {
        let needed = self.scratch_len();
        if scratch.len() < needed {
            return Err(PredictError::Scratch { needed, found: scratch.len() });
        }
        let offset = line_offset(scratch);
        let scratch = &mut scratch[offset..];
        if self.integers.is_some() || self.list.is_some() {
            // Used as they lie in the file.
            let work = &mut scratch[..needed - MAX_WIDTH];
            return Ok(Session { model: self, prepared: &[], work, groups: false });
        }
        let len: usize = self.convolutions().map(|conv| prepared_len(&conv)).sum();
        let (prepared, work) = scratch.split_at_mut(len);
        // The kernels look beyond what they need; what is there must at least be numbers.
        let groups = work.len() >= self.batch_scratch_len() - len - MAX_WIDTH;
        work[..needed - len - MAX_WIDTH].fill(0.0);
        self.level.run(Prepare { model: self, prepared: &mut *prepared });
        Ok(Session { model: self, prepared, work, groups })
    }

    /// Probabilities of the classes for one image: [`Session::predict`] with weights prepared for this call only.
    /// Takes [`Model::pixels`] values and writes [`Model::classes`].
    ///
    /// # Errors
    /// [`PredictError`] says which buffer has another length than needed.
    pub fn predict<P: Pixel>(&self, image: &[P], scratch: &mut [f32], output: &mut [f32]) -> Result<(), PredictError> {
        self.session(scratch)?.predict(image, output)
    }

    /// As [`Model::predict`], without the softmax.
    ///
    /// # Errors
    /// As [`Model::predict`].
    pub fn logits<P: Pixel>(&self, image: &[P], scratch: &mut [f32], output: &mut [f32]) -> Result<(), PredictError> {
        self.session(scratch)?.logits(image, output)
    }

    /// As [`Model::predict`] for any number of images back to back.
    ///
    /// # Errors
    /// As [`Model::predict`].
    pub fn predict_batch<P: Pixel>(
        &self,
        images: &[P],
        scratch: &mut [f32],
        output: &mut [f32],
    ) -> Result<(), PredictError> {
        self.session(scratch)?.predict_batch(images, output)
    }

    /// Logits of one image, by a list of operations.
    fn operate<P: Pixel>(&self, list: &List<'_>, work: &mut [f32], image: &[P], output: &mut [f32]) {
        let (level, layout, scaling) = (self.level, self.layout, self.scaling);
        let List { operations, form, sizes } = *list;
        let rows = sizes.values;
        match (form, self.integers) {
            (Form::Bytes(planes), Some(words)) => {
                let setting = operations::SettingOfBytes { operations, planes, words, rows, layout, scaling };
                operations::forward_bytes(level, &setting, image, words_of_floats(work), output);
            }
            _ => {
                let setting = operations::Setting { operations, weights: self.weights, rows };
                P::to_map(level, operations::FromImage { setting, layout, scaling, image, memory: &mut *work });
                operations::forward(level, setting, work, output);
            }
        }
    }

    pub(crate) fn convolutions(&self) -> impl Iterator<Item = conv::Conv> + '_ {
        (0..self.architecture.depth).map(|index| self.architecture.conv(index))
    }
}

/// A model with its weights prepared: what to keep where many images are answered. One a thread.
#[derive(Debug)]
pub struct Session<'m, 's> {
    model: &'m Model<'m>,
    prepared: &'s [f32],
    work: &'s mut [f32],
    /// Whether there is enough memory to answer a vector of images at once.
    groups: bool,
}

impl<'m> Session<'m, '_> {
    /// The model.
    pub fn model(&self) -> &'m Model<'m> {
        self.model
    }

    /// Probabilities of the classes for one image. Takes [`Model::pixels`] values and writes [`Model::classes`].
    ///
    /// # Errors
    /// [`PredictError`] says which buffer has another length than needed.
    pub fn predict<P: Pixel>(&mut self, image: &[P], output: &mut [f32]) -> Result<(), PredictError> {
        self.one(image)?;
        self.predict_batch(image, output)
    }

    /// As [`Session::predict`], without the softmax.
    ///
    /// # Errors
    /// As [`Session::predict`].
    pub fn logits<P: Pixel>(&mut self, image: &[P], output: &mut [f32]) -> Result<(), PredictError> {
        self.one(image)?;
        self.logits_batch(image, output)
    }

    /// As [`Session::predict`] for any number of images back to back. An image's answer has the same bits whatever
    /// images stand beside it.
    ///
    /// # Errors
    /// As [`Session::predict`].
    pub fn predict_batch<P: Pixel>(&mut self, images: &[P], output: &mut [f32]) -> Result<(), PredictError> {
        self.forward(images, output, true)
    }

    /// As [`Session::predict_batch`], without the softmax.
    ///
    /// # Errors
    /// As [`Session::predict`].
    pub fn logits_batch<P: Pixel>(&mut self, images: &[P], output: &mut [f32]) -> Result<(), PredictError> {
        self.forward(images, output, false)
    }

    fn one<P>(&self, image: &[P]) -> Result<(), PredictError> {
        let needed = self.model.pixels();
        if image.len() == needed { Ok(()) } else { Err(PredictError::Image { needed, found: image.len() }) }
    }

    fn forward<P: Pixel>(&mut self, images: &[P], output: &mut [f32], softmax: bool) -> Result<(), PredictError> {
        let pixels = self.model.pixels();
        if !images.len().is_multiple_of(pixels) {
            return Err(PredictError::Image { needed: pixels, found: images.len() });
        }
        let needed = images.len() / pixels * self.model.classes();
        if output.len() != needed {
            return Err(PredictError::Output { needed, found: output.len() });
        }
        let (model, prepared, work) = (self.model, self.prepared, &mut *self.work);
        if let Some(list) = model.list {
            for (image, output) in images.chunks_exact(pixels).zip(output.chunks_exact_mut(model.classes())) {
                model.operate(&list, work, image, output);
                if softmax {
                    crate::dense::softmax(output);
                }
            }
            return Ok(());
        }
        if let Some(words) = model.integers {
            let (architecture, level, layout, scaling) =
                (&model.architecture, model.level, model.layout, model.scaling);
            let setting = int8::Setting { architecture, words, level, layout, scaling, softmax };
            P::answer(setting, words_of_floats(work), images, output);
            return Ok(());
        }
        P::answers(model.level, Forward { model, prepared, work, groups: self.groups, images, output, softmax });
        Ok(())
    }
}

/// Floats of a convolution's prepared weights.
pub(crate) fn prepared_len(conv: &conv::Conv) -> usize {
    padded((conv.groups * conv.prepared_group()) as u64) as usize
}

/// Takes `len` values off the front of a slice.
#[inline(always)]
pub(crate) fn take<'a>(slice: &mut &'a [f32], len: usize) -> &'a [f32] {
    let (front, rest) = slice.split_at(len);
    *slice = rest;
    front
}

#[inline(always)]
pub(crate) fn take_mut<'a>(slice: &mut &'a mut [f32], len: usize) -> &'a mut [f32] {
    let (front, rest) = core::mem::take(slice).split_at_mut(len);
    *slice = rest;
    front
}

struct Prepare<'t> {
    model: &'t Model<'t>,
    prepared: &'t mut [f32],
}

impl Task for Prepare<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let (mut weights, mut prepared) = (self.model.weights, self.prepared);
        for conv in self.model.convolutions() {
            let to = take_mut(&mut prepared, prepared_len(&conv));
            for group in to.chunks_exact_mut(conv.prepared_group()).take(conv.groups) {
                conv::prepare(s, &conv, take(&mut weights, 9 * conv.inputs * conv.outputs), group);
            }
            take(&mut weights, conv.groups * conv.outputs);
        }
    }
}

/// Images through one or two branches.
pub(crate) struct Forward<'t, P> {
    model: &'t Model<'t>,
    prepared: &'t [f32],
    work: &'t mut [f32],
    groups: bool,
    images: &'t [P],
    output: &'t mut [f32],
    softmax: bool,
}

impl<P: Pixel> Task for Forward<'_, P> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let (pixels, classes) = (self.model.pixels(), self.model.classes());
        let (count, mut done) = (self.images.len() / pixels, 0);
        while self.groups && count >= S::WIDTH && done + S::WIDTH / 4 * 3 <= count {
            // A last group overlaps the one before: that takes less time than its images one by one.
            let at = done.min(count - S::WIDTH);
            let images = &self.images[at * pixels..][..S::WIDTH * pixels];
            group(
                s,
                self.model,
                self.prepared,
                self.work,
                images,
                &mut self.output[at * classes..][..S::WIDTH * classes],
            );
            done = at + S::WIDTH;
        }
        let rest = self.images[done * pixels..].chunks_exact(pixels);
        for (image, output) in rest.zip(self.output[done * classes..].chunks_exact_mut(classes)) {
            one(s, self.model, self.prepared, self.work, image, output);
        }
        if self.softmax {
            for output in self.output.chunks_exact_mut(classes) {
                softmax(output);
            }
        }
    }
}

/// Logits of one image.
#[inline(always)]
fn one<S: Simd, P: Pixel>(
    s: S,
    model: &Model<'_>,
    mut prepared: &[f32],
    mut work: &mut [f32],
    image: &[P],
    output: &mut [f32],
) {
    let architecture = &model.architecture;
    let (classes, branches, depth) = (architecture.classes, architecture.branches(), architecture.depth);
    let (count, mut weights) = (architecture.features(), model.weights);
    let of_branch = padded(count as u64 + 32) as usize;
    let features = take_mut(&mut work, branches * of_branch);
    let joined = take_mut(&mut work, padded((branches * classes) as u64) as usize);
    let hidden = take_mut(&mut work, padded(architecture.hidden.unwrap_or(0) as u64) as usize);
    let logits = take_mut(&mut work, padded(classes as u64) as usize);
    let blocks = model.convolutions().map(|conv| conv.block() as usize).max().unwrap_or(0);
    let block = take_mut(&mut work, blocks);
    let pooled = take_mut(&mut work, model.convolutions().map(|conv| conv.pooled() as usize).max().unwrap_or(0));

    let mut conv = architecture.conv(0);
    let mut planes = take_mut(&mut work, 4 * conv.groups * conv.inputs * conv.plane_len);
    s.call(FromImage { conv: &conv, layout: model.layout, scaling: model.scaling, image, planes });
    for index in 0..depth {
        let of_layer = take(&mut prepared, prepared_len(&conv));
        take(&mut weights, conv.groups * 9 * conv.inputs * conv.outputs);
        let bias = take(&mut weights, conv.groups * conv.outputs);
        let next = (index + 1 < depth).then(|| architecture.conv(index + 1));
        let next_planes = next.map_or(0, |next| 4 * next.groups * next.inputs * next.plane_len);
        let next_planes = take_mut(&mut work, next_planes);
        let (of_group, of_planes) = (conv.prepared_group(), 4 * conv.inputs * conv.plane_len);
        for group in 0..conv.groups {
            let planes = &planes[group * of_planes..][..of_planes];
            let (prepared, bias) = (&of_layer[group * of_group..][..of_group], &bias[group * conv.outputs..]);
            let sink = match &next {
                Some(next) if conv.aligned => {
                    let len = 4 * conv.outputs * next.plane_len;
                    Sink::Planes(next, &mut next_planes[group * len..][..len])
                }
                _ => {
                    let len = conv.outputs * conv.pooled_len;
                    Sink::Pooled(&mut pooled[group * len..][..len])
                }
            };
            let lanes = Windows { width: S::WIDTH, plane: conv.plane_len, stride: conv.stride };
            let (layer, vectors) = (Layer { conv: &conv, prepared, bias, planes }, conv.windows().div_ceil(S::WIDTH));
            s.call(conv::Forward { layer, lanes, vectors, block, sink });
        }
        if let Some(next) = next {
            if !conv.aligned {
                from_pooled(s, &conv, &next, pooled, next_planes);
            }
            (conv, planes) = (next, next_planes);
        }
    }

    // A branch alone is one group; two branches with one convolution are still one group of both's outputs.
    let of_pooled = conv.groups * conv.outputs / branches * conv.pooled_len;
    let conv = conv::Conv { outputs: conv.groups * conv.outputs / branches, ..conv };
    for (pooled, features) in pooled.chunks_exact(of_pooled).zip(features.chunks_exact_mut(of_branch)) {
        to_features(s, &conv, pooled, features);
    }
    let heads = take(&mut weights, branches * classes * count);
    let biases = take(&mut weights, branches * classes);
    let to = if branches == 1 { &mut *logits } else { &mut *joined };
    let heads = heads.chunks_exact(classes * count).zip(biases.chunks_exact(classes));
    let inputs = features.chunks_exact(of_branch).zip(to.chunks_exact_mut(classes));
    for ((weights, bias), (features, to)) in heads.zip(inputs) {
        head(s, weights, bias, &features[..count], to);
    }
    if let Some(units) = architecture.hidden {
        let joined = &mut joined[..branches * classes];
        if architecture.head_relu {
            relu(joined);
        }
        let matrix = take(&mut weights, joined.len() * units);
        dense(s, matrix, take(&mut weights, units), joined, true, hidden);
        let matrix = take(&mut weights, units * classes);
        dense(s, matrix, take(&mut weights, classes), &hidden[..units], false, logits);
    }
    output.copy_from_slice(&logits[..classes]);
}
