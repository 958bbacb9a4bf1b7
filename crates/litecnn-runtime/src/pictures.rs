//! How pictures of another shape become the images a model sees. Told by a file for programs that prepare pictures; the
//! model itself sees images only.

/// What the pictures were made into images by that a model was trained on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pictures {
    /// What is done with a picture of another shape.
    pub fit: Fit,
    /// The colour that shows where a picture is transparent, and beside a letterboxed one: red, green, blue.
    pub background: [u8; 3],
}

/// What is done with a picture whose sides have another ratio than the image's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fit {
    /// All of the picture, its shape given up.
    Stretch,
    /// All of the picture in its shape, in the middle of bars of the background.
    Letterbox,
    /// The middle of the picture, in its shape; what is beyond is lost.
    Crop,
}

impl Pictures {
    /// From four bytes of a file: 0 if nothing is told, else the fit, then the background. `Err` if they mean nothing.
    pub(crate) fn of_bytes([fit, background @ ..]: [u8; 4]) -> Result<Option<Self>, ()> {
        let fit = match fit {
            0 if background == [0; 3] => return Ok(None),
            1 => Fit::Stretch,
            2 => Fit::Letterbox,
            3 => Fit::Crop,
            _ => return Err(()),
        };
        Ok(Some(Self { fit, background }))
    }

    #[cfg(feature = "alloc")]
    pub(crate) fn bytes(self) -> [u8; 4] {
        let fit = match self.fit {
            Fit::Stretch => 1,
            Fit::Letterbox => 2,
            Fit::Crop => 3,
        };
        let [red, green, blue] = self.background;
        [fit, red, green, blue]
    }
}
