"""A store whose schema is another version's: the receiver looks at it when it starts, and it may be
put back to an older one later."""

from psycopg.errors import InsufficientPrivilege, UndefinedColumn, UndefinedTable

BEHIND = (UndefinedTable, UndefinedColumn, InsufficientPrivilege)
WHY = (
    "the store's schema is not that of this Fairlead. Run this version once as the database's "
    "owner: FAIRLEAD_STORE_URL=… fairlead status; and then deployments/postgres/roles.sql again."
)
