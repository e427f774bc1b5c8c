//! The token API (contract §1): register, log in, and chat in sessions that a first message opens.

mod accounts;
mod chats;
mod conversation;
mod shapes;

use super::drf::{self, English};

type Asked = drf::Asked<English>;
type Caller = drf::Caller<English>;
type Fields = drf::Fields<English>;
type Refusal = drf::Refusal<English>;

pub use accounts::{__path_login, __path_register, __path_test_token, login, register, test_token};
pub use chats::{__path_delete, __path_edit, __path_list, __path_send, delete, edit, list, send};
