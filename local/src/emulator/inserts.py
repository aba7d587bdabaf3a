# PartiQL inserts as the real DynamoDB carries them out. The emulator checks no key and tells no replica. A put that
# replaces nothing does both.
import json
from ministack.services import dynamodb

def insert(table, parsed):
    item = parsed.get('item', {})
    status, headers, body = dynamodb._put_item({
        'TableName': table['TableName'],
        'Item': item['M'] if set(item) == {'M'} else item,
        'ConditionExpression': 'attribute_not_exists(#key)',
        'ExpressionAttributeNames': {'#key': table['pk_name']},
    })
    if status == 200:
        return dynamodb.json_response({'Items': []})
    if json.loads(body)['__type'].endswith('ConditionalCheckFailedException'):
        return dynamodb.error_response_json('DuplicateItemException', 'Duplicate primary key exists in table', 400)
    return status, headers, body

dynamodb._partiql_insert = insert
