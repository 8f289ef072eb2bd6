//! Marks the structure of a JSON text: where brackets, colons and commas stand outside strings.
//!
//! Sixty-four bytes are looked at at a time and become bit masks, one bit a byte; arithmetic on the masks then tells
//! what is inside a string. The processor's vector instructions are chosen at run time. What a reader of the marks need
//! not look at again is refused here: control characters and unknown escapes in strings, text that follows a string,
//! an open string, bytes that are not UTF-8.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "aarch64")]
mod neon;
mod plain;

/// How the masks are made. All ways give the same marks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Path {
    /// Byte by byte, on any processor: the obvious twin of the others.
    Plain,
    /// 256-bit vectors and carry-less multiplication on x86-64.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// 512-bit vectors, masks and squeezing on x86-64.
    #[cfg(target_arch = "x86_64")]
    Avx512,
    /// 128-bit vectors on aarch64.
    #[cfg(target_arch = "aarch64")]
    Neon,
}

impl Path {
    /// The fastest way that this processor has.
    pub fn best() -> Path {
        Path::available().last().unwrap_or(Path::Plain)
    }

    /// Every way that this processor has, the fastest last.
    pub fn available() -> impl Iterator<Item = Path> {
        let ways = [
            Some(Path::Plain),
            #[cfg(target_arch = "x86_64")]
            avx2::available().then_some(Path::Avx2),
            #[cfg(target_arch = "x86_64")]
            avx512::available().then_some(Path::Avx512),
            #[cfg(target_arch = "aarch64")]
            Some(Path::Neon),
        ];
        ways.into_iter().flatten()
    }
}

/// The marks of one text. Its memory is used again for the next.
#[derive(Debug, Default)]
pub struct Marks {
    /// Longer than what is valid of it, so that a block can be written without looking at the length each time.
    positions: Vec<u32>,
    count: usize,
    /// One bit for each block of 64 bytes.
    escapes: Vec<u64>,
}

impl Marks {
    /// Where `{ } [ ] : ,` stand outside strings, ascending, in bytes.
    pub fn positions(&self) -> &[u32] {
        self.positions.get(..self.count).unwrap_or_default()
    }

    /// One bit for each block of 64 bytes of the text, the lowest bit first: whether it holds a backslash.
    pub fn escapes(&self) -> &[u64] {
        &self.escapes
    }

    /// Marks `text`, and gives it back as text if all its strings are sound. `None` says that something is wrong, not
    /// what; the marks are then without meaning. Texts of 4 GiB and more are refused.
    ///
    /// Whether brackets pair, and whether what stands between two marks is a value, is for the reader to find out. It may
    /// rely on this: what begins with a quote between two marks is one string up to the last quote before the second,
    /// with nothing but white space (blank, tab, line feed, carriage return) behind it.
    pub fn mark<'t>(&mut self, text: &'t [u8]) -> Option<&'t str> {
        self.mark_by(Path::best(), text)
    }

    /// The same by a chosen way.
    pub fn mark_by<'t>(&mut self, path: Path, text: &'t [u8]) -> Option<&'t str> {
        self.count = 0;
        self.escapes.clear();
        if u32::try_from(text.len()).is_err() {
            return None;
        }
        let outcome = match path {
            Path::Plain => run::<plain::Plain>(text, self),
            #[cfg(target_arch = "x86_64")]
            Path::Avx2 => avx2::run(text, self),
            #[cfg(target_arch = "x86_64")]
            Path::Avx512 => avx512::run(text, self),
            #[cfg(target_arch = "aarch64")]
            Path::Neon => neon::run(text, self),
        };
        if !outcome.sound {
            return None;
        }
        if outcome.high {
            return std::str::from_utf8(text).ok();
        }
        #[expect(unsafe_code, reason = "reading every byte a second time would cost a tenth of inflating")]
        // SAFETY: no byte of `text` is 0x80 or above: `high` is the disjunction of the top bits of all its bytes, as the
        // tests prove for every way at every length and place. Such a text is ASCII, which is UTF-8.
        let text = unsafe { std::str::from_utf8_unchecked(text) };
        Some(text)
    }
}

/// What one look at a text found besides the marks.
#[derive(Clone, Copy, Debug)]
struct Outcome {
    sound: bool,
    /// Some byte is 0x80 or above.
    high: bool,
}

/// Masks of a block of 64 bytes, the first byte in the lowest bit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Masks {
    quote: u64,
    backslash: u64,
    /// `{ } [ ] : ,`; where `odd` is set, control characters may be among them.
    structural: u64,
    blank: u64,
    /// Some byte is below 0x20 or above 0x7F.
    odd: bool,
}

/// A way to look at 64 bytes.
trait Look {
    fn masks(block: &[u8; 64]) -> Masks;
    /// Bytes below 0x20, and bytes above 0x7F.
    fn odd(block: &[u8; 64]) -> (u64, u64);
    /// Each bit becomes the exclusive or of itself and all lower ones.
    fn prefix_xor(bits: u64) -> u64;

    /// Writes `base` plus the number of each set bit; what stands behind them in `room` is without meaning.
    #[inline(always)]
    fn places(mut bits: u64, base: u32, room: &mut [u32; BLOCK]) {
        // Four at a time without looking: most blocks have about four, and what is written too much is written over.
        for four in room.as_chunks_mut::<4>().0 {
            for place in four {
                *place = base + bits.trailing_zeros();
                bits &= bits.wrapping_sub(1);
            }
            if bits == 0 {
                return;
            }
        }
    }
}

/// What goes over from one block to the next.
#[derive(Clone, Copy, Debug, Default)]
struct Carry {
    /// All ones inside a string.
    inside: u64,
    /// 1 if the last byte escapes the next.
    escaped: u64,
    /// 1 if the last byte closed a string.
    closed: u64,
    /// A string was closed, and only white space stood since.
    spaced: bool,
}

const BLOCK: usize = 64;

/// Looks at the whole text. Compiled once for each way, with that way's instructions.
#[inline(always)]
fn run<L: Look>(text: &[u8], marks: &mut Marks) -> Outcome {
    let (mut carry, mut bad, mut high) = (Carry::default(), 0, 0);
    let (mut word, mut filled) = (0, 0);
    let (blocks, rest) = text.as_chunks::<BLOCK>();
    // White space behind the end changes nothing.
    let mut last = [b' '; BLOCK];
    last.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
    let tail = (!rest.is_empty()).then_some(&last);
    for (number, block) in blocks.iter().chain(tail).enumerate() {
        let base = number * BLOCK;
        let masks = L::masks(block);
        let (mut structural, mut space, mut control) = (masks.structural, masks.blank, 0);
        if masks.odd {
            let (low, above) = L::odd(block);
            high |= above;
            control = low;
            structural &= !low;
            space |= spaces(block, low);
        }
        let mut escaped = 0;
        if masks.backslash | carry.escaped != 0 {
            word |= 1 << (number % 64);
            bad |= escapes(text, base, masks.backslash, &mut carry.escaped, &mut escaped);
        }
        let quote = masks.quote & !escaped;
        let inside = L::prefix_xor(quote) ^ carry.inside;
        carry.inside = 0_u64.wrapping_sub(inside >> 63);
        let (structural, space, close) = (structural & !inside, space & !inside, quote & !inside);
        let behind = close << 1 | carry.closed;
        carry.closed = close >> 63;
        bad |= (control & inside) | (behind & !(structural | space));
        if behind & space != 0 || carry.spaced {
            bad |= u64::from(!only_space_follows(behind & space, space, structural, &mut carry.spaced));
        }
        write::<L>(structural, base, marks);
        filled = number % 64 + 1;
        if filled == 64 {
            marks.escapes.push(std::mem::take(&mut word));
            filled = 0;
        }
    }
    if filled > 0 {
        marks.escapes.push(word);
    }
    Outcome { sound: bad == 0 && carry.inside == 0, high: high != 0 }
}

/// Appends the positions of the set bits.
#[inline(always)]
fn write<L: Look>(bits: u64, base: usize, marks: &mut Marks) {
    if marks.positions.len() < marks.count + BLOCK {
        marks.positions.resize((marks.count + BLOCK) * 2, 0);
    }
    let Some(room) = marks.positions.get_mut(marks.count..).and_then(<[u32]>::first_chunk_mut::<BLOCK>) else { return };
    marks.count += bits.count_ones() as usize;
    // `mark_by` has refused texts whose places need more bits.
    L::places(bits, base as u32, room);
}

/// Finds the escaped bytes of a block, those behind a backslash that is not escaped itself. Gives 1 if what is escaped
/// is not what JSON knows.
#[inline(never)]
fn escapes(text: &[u8], base: usize, backslash: u64, carry: &mut u64, escaped: &mut u64) -> u64 {
    let mut bad = 0;
    *escaped = std::mem::take(carry);
    let mut rest = backslash & !*escaped;
    while rest != 0 {
        let at = rest.trailing_zeros() as usize;
        bad |= u64::from(!is_escape(text.get(base + at + 1..).unwrap_or_default()));
        // The byte behind is escaped, so it escapes nothing.
        rest &= !(3 << at);
        *escaped |= 2 << at;
        *carry = (at == BLOCK - 1).into();
    }
    bad
}

fn is_escape(behind: &[u8]) -> bool {
    match behind {
        [b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't', ..] => true,
        [b'u', digits @ ..] => digits.first_chunk::<4>().is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit)),
        _ => false,
    }
}

/// Which of the control characters are white space of JSON.
#[inline(never)]
fn spaces(block: &[u8; BLOCK], mut control: u64) -> u64 {
    let mut spaces = 0;
    while control != 0 {
        let at = control.trailing_zeros();
        if matches!(block.get(at as usize), Some(b'\t' | b'\n' | b'\r')) {
            spaces |= 1 << at;
        }
        control &= control - 1;
    }
    spaces
}

/// Whether the white space at each bit of `starts`, and that carried over, runs up to something structural.
#[inline(never)]
fn only_space_follows(mut starts: u64, space: u64, structural: u64, carried: &mut bool) -> bool {
    let mut fine = true;
    if std::mem::take(carried) {
        starts |= 1;
        if space & 1 == 0 {
            fine = structural & 1 != 0;
            starts &= !1;
        }
    }
    while starts != 0 {
        let at = starts.trailing_zeros();
        let end = (!space & (u64::MAX << at)).trailing_zeros();
        if end == 64 {
            *carried = true;
            return fine;
        }
        fine &= structural >> end & 1 != 0;
        starts &= starts - 1;
    }
    fine
}

#[cfg(test)]
mod tests;
