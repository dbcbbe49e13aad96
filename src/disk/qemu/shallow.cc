// SPDX-License-Identifier: GPL-2.0-or-later
//
// Opens what the top image of a chain holds itself.
//
// The image is opened alone, so nothing below it has to be there. Where the output's clusters are
// larger than the units in which the image holds data, some of them are held only in part. Then
// their other part has to come from below, and the data is read from a second server, which opens
// the whole chain. Which of the two is needed follows from what the image holds, whatever its
// format.

#include <fmt/format.h>

#include <optional>
#include <string_view>
#include <utility>

#include "disk/qemu/node.h"
#include "disk/qemu/server.h"
#include "qcow2stream/error.h"
#include "qcow2stream/qemu.h"

namespace qcow2stream {
namespace {

// The least that qcow2 allows (specification, cluster_bits).
constexpr std::uint64_t kSmallestCluster = 512;

// All offsets at which what is held and what is not held meet, as one number: a power of two
// divides all of them if it divides the number.
std::uint64_t boundaries(const Changes& changes) {
  std::uint64_t all = 0;
  std::optional<bool> held_before;
  const auto cursor = changes.runs();
  while (const auto change = cursor->next()) {
    const bool held = change->holds != Run::Holds::kBelow;
    if (held_before && held != *held_before) all |= change->range.begin.value();
    held_before = held;
  }
  return all;
}

std::shared_ptr<const Disk> open_chain(const QemuSource& chain, std::uint64_t cluster_size,
                                       std::uint64_t largest, const NbdOptions& options) {
  try {
    return serve_with_qemu(chain, {}, options);
  } catch (const Error& error) {
    constexpr std::string_view kSaidAnyway = "Could not open backing file: ";
    std::string reason = error.reason();
    if (reason.starts_with(kSaidAnyway)) reason.erase(0, kSaidAnyway.size());
    Error cannot(ErrorKind::kFailed, chain.name, "cannot be read alone",
                 fmt::format("the top image holds parts of clusters of {} bytes, and its backing "
                             "file cannot be opened: {}",
                             cluster_size, reason));
    cannot.about(ErrorSubject::kDisk);
    if (largest >= kSmallestCluster) cannot.advise(Advice::kSmallerClusters, largest);
    throw cannot;
  }
}

}  // namespace

DiskWithChanges open_qemu_shallow(const std::string& path, const std::string& format,
                                  std::uint64_t cluster_size, const QemuOptions& options) {
  const QemuSource source = qemu_file(path, format, options, QemuChain::kTopOnly);
  const auto top = serve_with_qemu(source, {.allocation_depth = true}, options.nbd);
  const auto changes = make_changes(top);
  const std::uint64_t offsets = boundaries(*changes);
  if (offsets % cluster_size == 0) return {top, changes};
  QemuSource chain = qemu_file(path, format, options);
  chain.file = source.file;  // watched from the beginning
  const std::uint64_t largest = offsets & ~(offsets - 1);
  return {open_chain(chain, cluster_size, largest, options.nbd), changes};
}

}  // namespace qcow2stream
