import os

from sqlalchemy import create_engine, make_url

# psycopg 3 by name. PGOPTIONS, where Fairlead says how long a migration may wait for a lock, is
# read by libpq itself.
URL = make_url(os.environ["DATABASE_URL"]).set(drivername="postgresql+psycopg")
engine = create_engine(URL, pool_pre_ping=True, connect_args={"connect_timeout": 2})
