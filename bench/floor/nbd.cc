// SPDX-License-Identifier: GPL-2.0-or-later

#include "floor/nbd.h"

#include <algorithm>
#include <cstddef>

namespace bench {
namespace {

// The length of a question has 32 bits.
constexpr std::uint64_t kMostPerQuestion = 1U << 31;

struct Answer {
  std::uint64_t at = 0;
  std::vector<Run> data;
};

// NOLINTNEXTLINE(readability-non-const-parameter): libnbd's signature
int take_extents(void* user_data, const char* /*context*/, std::uint64_t /*offset*/,
                 std::uint32_t* entries, std::size_t count, int* /*error*/) {
  auto* answer = static_cast<Answer*>(user_data);
  for (std::size_t i = 0; i + 1 < count; i += 2) {
    const std::uint64_t end = answer->at + entries[i];
    if ((entries[i + 1] & LIBNBD_STATE_ZERO) == 0) append(answer->data, {answer->at, end});
    answer->at = end;
  }
  return 0;
}

}  // namespace

void fail_nbd(const char* what) {
  const char* error = ::nbd_get_error();
  fail_because(what, error != nullptr ? error : "failed");
}

void poll_nbd(nbd_handle* handle) {
  if (::nbd_poll(handle, -1) < 0) fail_nbd("poll");
}

NbdExport::NbdExport(const char* uri, unsigned connections) {
  for (unsigned i = 0; i < connections; ++i) {
    connections_.emplace_back(::nbd_create(), &::nbd_close);
    nbd_handle* handle = handles_.emplace_back(connections_.back().get());
    if (handle == nullptr || ::nbd_add_meta_context(handle, LIBNBD_CONTEXT_BASE_ALLOCATION) != 0 ||
        // The buffers need no zeros before they are read into.
        ::nbd_set_pread_initialize(handle, false) != 0 || ::nbd_connect_uri(handle, uri) != 0) {
      fail_nbd(uri);
    }
    if (::nbd_can_multi_conn(handle) <= 0) break;
  }
}

std::uint64_t NbdExport::size() const {
  const std::int64_t size = ::nbd_get_size(handles_[0]);
  if (size < 0) fail_nbd("size");
  return static_cast<std::uint64_t>(size);
}

std::vector<Run> NbdExport::data_extents() const {
  if (::nbd_can_meta_context(handles_[0], LIBNBD_CONTEXT_BASE_ALLOCATION) <= 0) {
    return {{0, size()}};
  }
  Answer answer;
  while (answer.at < size()) {
    const std::uint64_t begin = answer.at;
    const std::uint64_t length = std::min(size() - begin, kMostPerQuestion);
    const nbd_extent_callback take{.callback = take_extents, .user_data = &answer, .free = nullptr};
    if (::nbd_block_status(handles_[0], length, begin, take, 0) != 0) fail_nbd("extents");
    if (answer.at == begin) fail_because("extents", "an empty answer");
  }
  return answer.data;
}

}  // namespace bench
