"""Sets by deltalake how long the logs of tables are to be: a checkpoint every other commit, and no commit kept that one covers.
Argument: the path of the tables."""
import os
import sys

import deltalake

for name in os.listdir(sys.argv[1]):
    place = os.path.join(sys.argv[1], name)
    if not os.path.isdir(os.path.join(place, "_delta_log")):
        continue
    table = deltalake.DeltaTable(place)
    settings = {"delta.checkpointInterval": "2", "delta.logRetentionDuration": "interval 0 seconds"}
    table.alter.set_table_properties(settings)
