//! The way through a list.

use super::handle::Entry;

c_functions! {
    fn kmod_list_next(list: Entry, current: Entry) -> Entry {
        let next = current.following();
        if list == Entry::NULL || next == list { Entry::NULL } else { next }
    }

    fn kmod_list_prev(list: Entry, current: Entry) -> Entry {
        if list == Entry::NULL || current == list { Entry::NULL } else { current.preceding() }
    }

    fn kmod_list_last(list: Entry) -> Entry {
        list.preceding()
    }
}
