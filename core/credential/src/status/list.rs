//! The list itself (draft-ietf-oauth-status-list-20 section 4.1): entries of 1, 2, 4 or 8 bits, packed from the least
//! significant bit up, and compressed as ZLIB (RFC 1950).

use std::fmt;
use std::io::{Read as _, Write as _};

use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;
use warifu_keys::base64url;

use super::{Error, Status};

/// Largest list after inflation, in bytes: 64 million entries of one bit.
pub const MAX_INFLATED: usize = 8 * 1024 * 1024;

/// Bits per entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Bits {
    /// Valid and invalid only.
    One,
    /// Values 0 to 3.
    Two,
    /// Values 0 to 15.
    Four,
    /// Values 0 to 255.
    Eight,
}

impl Bits {
    /// 1, 2, 4 or 8.
    #[must_use]
    pub fn count(self) -> u8 {
        match self {
            Self::One => 1,
            Self::Two => 2,
            Self::Four => 4,
            Self::Eight => 8,
        }
    }

    /// The member of this size; [`Error::Bits`] for any other than 1, 2, 4 and 8.
    pub fn from_count(count: u64) -> Result<Self, Error> {
        match count {
            1 => Ok(Self::One),
            2 => Ok(Self::Two),
            4 => Ok(Self::Four),
            8 => Ok(Self::Eight),
            other => Err(Error::Bits(other)),
        }
    }

    fn mask(self) -> u8 {
        u8::MAX >> (8 - self.count())
    }
}

/// A list of statuses, packed (draft-20 section 4.1): entry `i` starts at the least significant free bit of its byte.
#[derive(Clone, PartialEq, Eq)]
pub struct StatusList {
    bits: Bits,
    bytes: Vec<u8>,
}

impl fmt::Debug for StatusList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StatusList({} entries of {} bits)", self.len(), self.bits.count())
    }
}

impl StatusList {
    /// A list of at least `len` entries, all valid; the length is rounded up to whole bytes. Lists that would exceed
    /// [`MAX_INFLATED`] are [`Error::TooLarge`].
    pub fn new(bits: Bits, len: usize) -> Result<Self, Error> {
        let size = len.div_ceil(usize::from(8 / bits.count()));
        if size > MAX_INFLATED {
            return Err(Error::TooLarge);
        }
        Ok(Self { bits, bytes: vec![0; size] })
    }

    /// A list from its packed bytes.
    pub fn from_bytes(bits: Bits, bytes: Vec<u8>) -> Result<Self, Error> {
        if bytes.len() > MAX_INFLATED { Err(Error::TooLarge) } else { Ok(Self { bits, bytes }) }
    }

    /// The packed bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Bits per entry.
    #[must_use]
    pub fn bits(&self) -> Bits {
        self.bits
    }

    /// Entries in the list.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.bytes.len() as u64 * u64::from(8 / self.bits.count())
    }

    /// Whether the list has no entries.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The status at `idx`, or [`Error::OutOfRange`].
    pub fn get(&self, idx: u64) -> Result<Status, Error> {
        let (byte, shift) = self.place(idx)?;
        let value = self.bytes.get(byte).map(|byte| byte >> shift & self.bits.mask());
        value.map(Status::from_value).ok_or(Error::OutOfRange { idx, len: self.len() })
    }

    /// Sets the status at `idx`; [`Error::OutOfRange`] or [`Error::ValueTooLarge`] leave the list as it was.
    pub fn set(&mut self, idx: u64, status: Status) -> Result<(), Error> {
        let (value, mask) = (status.value(), self.bits.mask());
        if value > mask {
            return Err(Error::ValueTooLarge { value, bits: self.bits.count() });
        }
        let out_of_range = Error::OutOfRange { idx, len: self.len() };
        let (byte, shift) = self.place(idx)?;
        let byte = self.bytes.get_mut(byte).ok_or(out_of_range)?;
        *byte = *byte & !(mask << shift) | value << shift;
        Ok(())
    }

    /// The list as ZLIB, as CBOR carries it in `lst`.
    ///
    /// With the best compression, as the draft recommends: lists are made once and fetched often.
    pub fn compress(&self) -> Result<Vec<u8>, Error> {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
        let compressed = encoder.write_all(&self.bytes).and_then(|()| encoder.finish());
        // Writing into memory has no other reason to fail than memory itself.
        compressed.map_err(|_| Error::TooLarge)
    }

    /// The list as ZLIB in base64url, as JSON carries it in `lst`.
    pub fn encode(&self) -> Result<String, Error> {
        Ok(base64url::encode(&self.compress()?))
    }

    /// Reads ZLIB; inflates at most [`MAX_INFLATED`] bytes.
    pub fn inflate(bits: Bits, compressed: &[u8]) -> Result<Self, Error> {
        let mut decoder = ZlibDecoder::new(compressed);
        let mut bytes = Vec::new();
        decoder.by_ref().take(MAX_INFLATED as u64 + 1).read_to_end(&mut bytes).map_err(|_| Error::NotZlib)?;
        if bytes.len() > MAX_INFLATED {
            return Err(Error::TooLarge);
        }
        if decoder.total_in() != compressed.len() as u64 {
            return Err(Error::Trailing);
        }
        Ok(Self { bits, bytes })
    }

    /// Reads ZLIB in base64url, with the rules of [`StatusList::inflate`].
    pub fn decode(bits: Bits, lst: &str) -> Result<Self, Error> {
        Self::inflate(bits, &base64url::decode(lst).map_err(|_| Error::NotBase64url)?)
    }

    fn place(&self, idx: u64) -> Result<(usize, u32), Error> {
        let out_of_range = || Error::OutOfRange { idx, len: self.len() };
        if idx >= self.len() {
            return Err(out_of_range());
        }
        let per_byte = u64::from(8 / self.bits.count());
        let byte = usize::try_from(idx / per_byte).map_err(|_| out_of_range())?;
        Ok((byte, (idx % per_byte) as u32 * u32::from(self.bits.count())))
    }
}
