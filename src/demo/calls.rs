//! The API calls that the organisation makes, with the parameters and answers they really have, by field.

pub(crate) mod access;
pub(crate) mod compute;
pub(crate) mod network;
pub(crate) mod oversight;
pub(crate) mod storage;

use crate::demo::estate::Site;
use crate::demo::random::Random;
use crate::demo::record::Call;

/// A call on what a site owns.
pub(crate) type Maker = fn(&Site, &mut Random) -> Call;
