// SPDX-License-Identifier: GPL-2.0-or-later

#include "filesystems/examine.h"

#include <string>
#include <vector>

#include "filesystems/ext.h"
#include "filesystems/identify.h"
#include "filesystems/ntfs.h"
#include "filesystems/partition_table.h"
#include "filesystems/swap.h"
#include "filesystems/xfs.h"

namespace qcow2stream {
namespace {

Finding ambiguous(const std::vector<Signature>& signatures) {
  std::string formats;
  for (const Signature& signature : signatures) {
    formats += (formats.empty() ? "" : " and ") + signature.format;
  }
  Finding finding;
  finding.format = "unknown";
  finding.kept_because = "it has the signatures of " + formats;
  return finding;
}

Finding not_looked_at(const std::string& format) {
  Finding finding;
  finding.format = format;
  const bool is_encrypted = format == "luks" || format == "bitlocker";
  finding.kept_because = is_encrypted ? "it is encrypted" : "nothing of this format is left out";
  return finding;
}

}  // namespace

Finding examine(const Volume& volume, Kinds kinds, FreeRuns& runs) {
  const auto signatures = find_signatures(volume);
  if (signatures.empty()) {
    Finding finding;
    finding.format = "unknown";
    finding.kept_because = "what it holds is not known";
    return finding;
  }
  if (signatures.size() > 1) return ambiguous(signatures);
  // A partition or a logical volume can be the disk of a virtual machine.
  if (boot_table(volume, signatures)) {
    return ambiguous({signatures.front(), {"a partition table", true}});
  }
  const std::string& format = signatures.front().format;
  if (format == "ext") return examine_ext(volume, kinds, runs);
  if (format == "xfs") return examine_xfs(volume, kinds, runs);
  if (format == "ntfs") return examine_ntfs(volume, kinds, runs);
  if (format == "swap") return examine_swap(volume, kinds, runs);
  return not_looked_at(format);
}

}  // namespace qcow2stream
