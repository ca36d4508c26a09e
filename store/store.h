/* store.h - the database in state_dir, all that other rooms see of it.
 *
 * SQLite is known in this room alone. Every call that takes a struct db blocks
 * and belongs on the thread pool or in sluicectl; lists that were read are plain
 * memory.
 */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include "store/backup.h"
#include "store/db.h"
#include "store/key_ids.h"
#include "store/key_list.h"
#include "store/keys.h"
#include "store/managed.h"
#include "store/managed_channels.h"
#include "store/managed_list.h"
#include "store/managed_models.h"
#include "store/objects.h"
#include "store/prompt_list.h"
#include "store/prompts.h"
#include "store/seal.h"
#include "store/seal_upgrade.h"
#include "store/secrets.h"
#include "store/names.h"
#include "store/objects.h"
#include "store/salts.h"
#include "store/unpaid.h"
#include "store/usage.h"
#include "store/usage_base.h"
#include "store/usage_import.h"
#include "store/users.h"
#include "store/watch.h"

#endif
