-- Tables as an ERP with a till has them, and views that give an order with its lines as one record: a line that
-- somebody deletes is then gone from the order's next version.
create schema erp;

create table erp.stores (
    code text primary key, name text not null, latitude numeric(9, 6), longitude numeric(9, 6)
);
create table erp.warehouses (
    code text primary key, name text not null, latitude numeric(9, 6), longitude numeric(9, 6)
);

create table erp.items (
    sku text primary key,
    name text not null,
    family text,
    standard_cost numeric(18, 6),
    lead_time_days integer,
    case_size integer,
    discontinued_at timestamptz,
    updated_at timestamptz not null
);

create table erp.price_list (
    sku text not null references erp.items,
    price numeric(18, 6) not null,
    valid_from date not null,
    updated_at timestamptz not null,
    primary key (sku, valid_from)
);

create table erp.stock (
    warehouse text not null references erp.warehouses,
    sku text not null references erp.items,
    on_hand integer not null,
    reserved integer,
    on_order integer,
    updated_at timestamptz not null,
    primary key (warehouse, sku)
);

create table erp.customers (
    id bigint primary key,
    kind text not null, -- store or distributor
    name text,
    phone text,
    province text,
    credit_limit numeric(14, 2),
    balance numeric(14, 2) not null default 0,
    created_at timestamptz not null,
    updated_at timestamptz not null
);

create table erp.suppliers (
    code text primary key,
    name text not null,
    lead_time_days integer,
    payment_days integer,
    updated_at timestamptz not null
);

create table erp.purchase_orders (
    number text primary key,
    supplier text not null references erp.suppliers,
    warehouse text not null references erp.warehouses,
    status text not null,
    total numeric(14, 2) not null,
    currency char(3) not null,
    ordered_at timestamptz not null,
    expected_on date,
    updated_at timestamptz not null
);

create table erp.purchase_lines (
    order_number text not null references erp.purchase_orders on delete cascade,
    line_no integer not null,
    sku text not null references erp.items,
    quantity numeric(12, 3) not null,
    received numeric(12, 3) not null default 0,
    price numeric(18, 6) not null,
    promised_on date,
    received_at timestamptz,
    updated_at timestamptz not null,
    primary key (order_number, line_no)
);

create table erp.sales_orders (
    id bigint generated always as identity primary key,
    number text unique not null,
    kind text not null, -- pos: a till; distributor: typed in by sales
    store text references erp.stores,
    customer_id bigint references erp.customers,
    status text not null,
    total numeric(14, 2) not null,
    paid numeric(14, 2),
    ordered_at timestamptz not null,
    paid_at timestamptz,
    updated_at timestamptz not null
);

create table erp.sales_lines (
    order_id bigint not null references erp.sales_orders on delete cascade,
    line_no integer not null,
    sku text not null,
    quantity numeric(12, 3) not null,
    price numeric(18, 6) not null,
    amount numeric(14, 2) not null,
    updated_at timestamptz not null,
    primary key (order_id, line_no)
);

create index on erp.sales_orders (updated_at);

create view erp.fourflow_orders as
select
    o.*,
    coalesce(lines.lines, '[]'::jsonb) as lines,
    greatest(o.updated_at, lines.updated_at) as changed_at
from erp.sales_orders as o
left join lateral (
    select
        jsonb_agg(to_jsonb(l) - 'updated_at' order by l.line_no) as lines,
        max(l.updated_at) as updated_at
    from erp.sales_lines as l
    where l.order_id = o.id
) as lines on true;

create view erp.fourflow_items as
select
    i.*,
    p.price as list_price,
    greatest(i.updated_at, p.updated_at) as changed_at
from erp.items as i
left join lateral (
    select
        price,
        updated_at
    from erp.price_list
    where sku = i.sku and valid_from <= current_date
    order by valid_from desc
    limit 1
) as p on true;

create view erp.fourflow_purchase_orders as
select
    o.*,
    coalesce(lines.lines, '[]'::jsonb) as lines,
    greatest(o.updated_at, lines.updated_at) as changed_at
from erp.purchase_orders as o
left join lateral (
    select
        jsonb_agg(to_jsonb(l) - 'updated_at' order by l.line_no) as lines,
        max(l.updated_at) as updated_at
    from erp.purchase_lines as l
    where l.order_number = o.number
) as lines on true;

create view erp.fourflow_sites as
select s.*, 'store' as kind from erp.stores as s
union all
select w.*, 'warehouse' as kind from erp.warehouses as w;
