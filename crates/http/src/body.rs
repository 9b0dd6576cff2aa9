//! Bodies: bounded in length, in time and in memory, and decoded as they arrive.
//!
//! What is packed is never held: each part is decoded when it comes, and a bomb is put out at the limit.

use std::io::{self, Write};
use std::time::Duration;

use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_ENCODING, CONTENT_LENGTH};
use actix_web::{HttpRequest, web};
use bytes::BytesMut;
use flate2::write::MultiGzDecoder;
use futures_util::StreamExt;
use tokio::sync::Semaphore;
use zstd::stream::raw::{InBuffer, Operation, OutBuffer};
use zstd::zstd_safe::DParameter;
use zstd::zstd_safe::zstd_sys::ZSTD_ErrorCode;

use crate::buffer::{Buffer, Mapping};
use crate::memory::{NoRoom, Room};
use crate::problem::{Problem, brief};

/// A sender that takes longer for a body is cut off.
const DEADLINE: Duration = Duration::from_secs(30);
/// So much of a packed body is decoded at one go.
const PART: usize = 64 << 10;
/// So many parts are decoded at one time. Each has a thread and a decoder of its own; more than the machine
/// has cores only take memory.
static DECODERS: Semaphore = Semaphore::const_new(8);
/// What a decoder takes besides what it has decoded: its tables, a block that has not come to its end, and
/// the part that it is given. It has that from the first byte on, and for as long as the sender likes.
const DECODER: usize = 256 << 10;
/// What is read of a refused body, and for how long, so that its sender sees the answer.
const PASSED_BY: (usize, Duration) = (10 << 20, Duration::from_secs(2));
/// A frame of zstd may ask for a window as large as it likes; 8 MiB is what RFC 9659 allows.
const ZSTD_WINDOW_LOG: u32 = 23;

/// A decoded body.
pub struct Body {
    /// Its bytes.
    pub bytes: Buffer,
    /// Its share of the memory for bodies.
    pub room: Option<Room>,
}

/// Reads a body of at most `limit` bytes, packed or not.
pub async fn read(
    request: &HttpRequest,
    mut payload: Payload,
    limit: usize,
    room: Option<Room>,
) -> Result<Body, Problem> {
    let encoding = encoding(request)?;
    let declared = request.headers().get(CONTENT_LENGTH).and_then(|v| v.to_str().ok()?.parse().ok());
    let sink = Sink { bytes: Buffer::Small(Vec::new()), limit, room };
    let reading = collect(&mut payload, encoding, declared, sink);
    let Ok(body) = tokio::time::timeout(DEADLINE, reading).await else {
        return Err(Problem::new(StatusCode::REQUEST_TIMEOUT, "the body took too long to arrive"));
    };
    if body.is_err() {
        pass_by(payload).await;
    }
    body
}

async fn collect(
    payload: &mut Payload,
    encoding: Encoding,
    declared: Option<usize>,
    mut sink: Sink,
) -> Result<Body, Problem> {
    let limit = sink.limit;
    if declared.is_some_and(|length| length > limit) {
        return Err(Refusal::TooLarge(limit).into());
    }
    let _decoder_room = match &sink.room {
        Some(room) if encoding != Encoding::Identity => Some(room.beside(DECODER)?),
        _ => None,
    };
    let mut decoder = match encoding {
        Encoding::Identity => {
            sink.expect(declared.unwrap_or_default())?;
            while let Some(chunk) = next(payload).await? {
                sink.push(&chunk)?;
            }
            return Ok(sink.into_body());
        }
        Encoding::Gzip => Decoder::Gzip(Box::new(MultiGzDecoder::new(sink))),
        Encoding::Zstd => Decoder::zstd(sink).map_err(|error| refused(&error, limit))?,
    };
    let mut taken = 0;
    loop {
        let (part, is_last) = next_part(payload).await?;
        taken += part.len();
        if taken > limit {
            return Err(Refusal::TooLarge(limit).into());
        }
        let overloaded = || Problem::unavailable("the server is overloaded", 1);
        let _turn = DECODERS.acquire().await.map_err(|_| overloaded())?;
        // Decoding a bomb takes a while, which would hold up the other requests of this thread.
        let decoding = web::block(move || {
            decoder.push(&part)?;
            if is_last { decoder.finish().map(Progress::Whole) } else { Ok(Progress::Part(decoder)) }
        });
        let progress = decoding.await.map_err(|_| overloaded())?;
        decoder = match progress.map_err(|error| refused(&error, limit))? {
            Progress::Part(decoder) => decoder,
            Progress::Whole(body) => return Ok(body),
        };
    }
}

async fn next(payload: &mut Payload) -> Result<Option<web::Bytes>, Problem> {
    let chunk = payload.next().await.transpose();
    chunk.map_err(|error| Problem::malformed(format!("the body broke off: {}", brief(&error))))
}

/// The next bytes, enough to be worth a thread, and whether they are the last.
async fn next_part(payload: &mut Payload) -> Result<(BytesMut, bool), Problem> {
    let mut part = BytesMut::new();
    while part.len() < PART {
        let Some(chunk) = next(payload).await? else { return Ok((part, true)) };
        part.extend_from_slice(&chunk);
    }
    Ok((part, false))
}

/// Lets the rest of a refused body pass by. A sender whose connection is cut while it sends may never
/// see why.
async fn pass_by(mut payload: Payload) {
    let (mut left, deadline) = PASSED_BY;
    let passing = async {
        while let Some(Ok(chunk)) = payload.next().await {
            left = left.saturating_sub(chunk.len());
            if left == 0 {
                break;
            }
        }
    };
    // Best effort: who takes longer is cut off.
    let _ = tokio::time::timeout(deadline, passing).await;
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encoding {
    Identity,
    Gzip,
    Zstd,
}

fn encoding(request: &HttpRequest) -> Result<Encoding, Problem> {
    let value = request.headers().get(CONTENT_ENCODING).map_or(Ok("identity"), |v| v.to_str());
    match value.unwrap_or("?").trim().to_ascii_lowercase().as_str() {
        "identity" | "" => Ok(Encoding::Identity),
        "gzip" | "x-gzip" => Ok(Encoding::Gzip),
        "zstd" => Ok(Encoding::Zstd),
        other => {
            let detail = format!("Content-Encoding must be gzip or zstd, not {}", brief(other));
            Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail))
        }
    }
}

/// Why a body is not taken, whatever is in it.
#[derive(Debug, Clone, Copy, thiserror::Error)]
enum Refusal {
    #[error("the body is longer than {0} bytes; send it in parts")]
    TooLarge(usize),
    #[error(transparent)]
    NoRoom(#[from] NoRoom),
    #[error("there is no memory for a request of this size at present")]
    NoMemory,
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::TooLarge(_) => Self::new(StatusCode::PAYLOAD_TOO_LARGE, refusal.to_string()),
            Refusal::NoRoom(why) => why.into(),
            Refusal::NoMemory => Self::unavailable(refusal.to_string(), 1),
        }
    }
}

/// What a decoder's failure means: its sink is full, or it cannot read what came.
fn refused(error: &io::Error, limit: usize) -> Problem {
    let inner = error.get_ref();
    if let Some(refusal) = inner.and_then(|inner| inner.downcast_ref::<Refusal>()) {
        return (*refusal).into();
    }
    let zstd = inner.and_then(|inner| inner.downcast_ref::<zstd::Error>());
    if zstd.is_some_and(|error| error.is(ZSTD_ErrorCode::ZSTD_error_dstSize_tooSmall)) {
        return Refusal::TooLarge(limit).into();
    }
    Problem::malformed(format!("the body cannot be decoded: {}", brief(error)))
}

/// Takes decoded bytes, up to a limit and while there is room.
struct Sink {
    bytes: Buffer,
    limit: usize,
    room: Option<Room>,
}

impl Sink {
    /// Makes ready for a body that says how long it is. It is refused at once where there is no room for
    /// it, but gets its room only as it arrives: who says much and sends nothing keeps nobody out.
    fn expect(&mut self, length: usize) -> Result<(), Refusal> {
        self.room.as_ref().map_or(Ok(()), |room| room.could_grow_to(length))?;
        self.bytes = Buffer::with_capacity(length).map_err(|_| Refusal::NoMemory)?;
        Ok(())
    }

    fn push(&mut self, part: &[u8]) -> Result<(), Refusal> {
        let length = self.bytes.len() + part.len();
        if length > self.limit {
            return Err(Refusal::TooLarge(self.limit));
        }
        self.make_room(length)?;
        self.bytes.push(part, self.limit).map_err(|_| Refusal::NoMemory)
    }

    fn make_room(&mut self, length: usize) -> Result<(), NoRoom> {
        self.room.as_mut().map_or(Ok(()), |room| room.grow_to(length))
    }

    fn into_body(self) -> Body {
        Body { bytes: self.bytes, room: self.room }
    }
}

impl Write for Sink {
    fn write(&mut self, part: &[u8]) -> io::Result<usize> {
        self.push(part).map_err(io::Error::other)?;
        Ok(part.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

enum Progress {
    Part(Decoder),
    Whole(Body),
}

/// Decodes part by part.
enum Decoder {
    Gzip(Box<MultiGzDecoder<Sink>>),
    Zstd(Frames),
}

impl Decoder {
    fn zstd(sink: Sink) -> io::Result<Self> {
        let mut decoder = zstd::stream::raw::Decoder::new()?;
        decoder.set_parameter(DParameter::WindowLogMax(ZSTD_WINDOW_LOG))?;
        // The body itself is the window: one of zstd's own would be nearly as large again.
        decoder.set_parameter(DParameter::StableOutBuffer(true))?;
        let bytes = Mapping::new(sink.limit).map_err(|_| io::Error::other(Refusal::NoMemory))?;
        Ok(Self::Zstd(Frames { decoder, wanted: 1, bytes, room: sink.room }))
    }

    fn push(&mut self, part: &[u8]) -> io::Result<()> {
        match self {
            Self::Gzip(decoder) => decoder.write_all(part),
            Self::Zstd(frames) => frames.push(part),
        }
    }

    fn finish(self) -> io::Result<Body> {
        match self {
            Self::Gzip(decoder) => decoder.finish().map(Sink::into_body),
            Self::Zstd(frames) => frames.finish(),
        }
    }
}

/// Frames of zstd, and what they decode to.
struct Frames {
    decoder: zstd::stream::raw::Decoder<'static>,
    /// How many bytes end the block that is being read; 0 at the end of a frame.
    wanted: usize,
    bytes: Mapping,
    room: Option<Room>,
}

impl Frames {
    /// Decodes block by block: some bytes may stand for megabytes, which there has to be room for.
    fn push(&mut self, mut part: &[u8]) -> io::Result<()> {
        while !part.is_empty() {
            // A frame that is done wants nothing, and its successor begins with a byte.
            let mut input = InBuffer::around(&part[..self.wanted.clamp(1, part.len())]);
            let (decoder, wanted) = (&mut self.decoder, &mut self.wanted);
            self.bytes.write(|space, end| {
                let mut output = OutBuffer::around_pos(space, end);
                *wanted = decoder.run(&mut input, &mut output)?;
                Ok(output.pos())
            })?;
            part = &part[input.pos()..];
            if let Some(room) = &mut self.room {
                room.grow_to(self.bytes.len()).map_err(Refusal::from).map_err(io::Error::other)?;
            }
        }
        Ok(())
    }

    fn finish(self) -> io::Result<Body> {
        let Self { wanted, bytes, room, .. } = self;
        if wanted == 0 {
            Ok(Body { bytes: Buffer::Large(bytes), room })
        } else {
            Err(io::ErrorKind::UnexpectedEof.into())
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use activity_domain::id::ClientId;

    use super::*;
    use crate::memory::BodyMemory;

    /// A few bytes that stand for megabytes are not decoded where there is no room for megabytes.
    #[test]
    fn a_bomb_goes_no_further_than_there_is_room() {
        let limit = 10 << 20;
        let blanks = vec![b' '; limit];
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(&blanks).unwrap();
        let bombs = [gzip.finish().unwrap(), zstd::encode_all(&blanks[..], 1).unwrap()];
        for (bomb, is_zstd) in bombs.iter().zip([false, true]) {
            let memory = Arc::new(BodyMemory::default());
            let ada = ClientId::parse("ada").unwrap();
            let mut other = memory.clone().room(ada.clone());
            other.grow_to(15 << 20).unwrap();
            let room = Some(memory.clone().room(ada));
            let sink = Sink { bytes: Buffer::Small(Vec::new()), limit, room };
            let mut decoder = if is_zstd {
                Decoder::zstd(sink).unwrap()
            } else {
                Decoder::Gzip(Box::new(MultiGzDecoder::new(sink)))
            };
            let error = decoder.push(bomb).unwrap_err();
            assert!(matches!(error.downcast::<Refusal>(), Ok(Refusal::NoRoom(NoRoom::OfCaller))));
            let length = match &decoder {
                Decoder::Gzip(decoder) => decoder.get_ref().bytes.len(),
                Decoder::Zstd(frames) => frames.bytes.len(),
            };
            assert!((900 << 10..1_300 << 10).contains(&length), "{length}");
        }
    }
}
