// SPDX-License-Identifier: GPL-2.0-or-later
//
// Opens what the top image of a chain holds itself.
//
// The image is opened alone, so nothing below it has to be there. Where the output's clusters are
// larger than the units in which the image holds data, some of them are held only in part. Then
// their other part has to come from below, and the data is read from a second server, which opens
// the whole chain. Which of the two is needed follows from what the image holds, whatever its
// format.

#include <string_view>

#include "disk/qemu/changes.h"
#include "disk/qemu/node.h"
#include "disk/qemu/server.h"
#include "disk/top_of_chain.h"
#include "qcow2stream/error.h"

namespace qcow2stream {
namespace {

std::shared_ptr<const Disk> open_chain(const QemuSource& chain, std::uint64_t cluster_size,
                                       std::uint64_t offsets, const NbdOptions& options) {
  try {
    return serve_with_qemu(chain, {}, options);
  } catch (const Error& error) {
    constexpr std::string_view kSaidAnyway = "Could not open backing file: ";
    std::string reason = error.reason();
    if (reason.starts_with(kSaidAnyway)) reason.erase(0, kSaidAnyway.size());
    throw_needs_chain(chain.name, offsets, cluster_size, reason);
  }
}

}  // namespace

Opened open_top_image(const std::string& path, const std::string& format, std::uint64_t unit,
                      const QemuOptions& options) {
  const QemuSource source = qemu_file(path, format, options, QemuChain::kTopOnly);
  const auto top = serve_with_qemu(source, {.allocation_depth = true}, options.nbd);
  const auto changes = make_changes(top);
  const std::uint64_t offsets = boundaries(*changes);
  if (offsets % unit == 0 && !options.whole_chain) return {top, changes};
  QemuSource chain = qemu_file(path, format, options);
  chain.file = source.file;  // watched from the beginning
  return {open_chain(chain, unit, offsets, options.nbd), changes};
}

}  // namespace qcow2stream
